import { StreamError, TornStreamError } from "../stream/mod.ts";

/** The location of a VMState error in a stream. */
export interface VmstateLocation {
  /** Section idstr, or the name of the outermost description. */
  readonly section: string;
  /** Instance id of the section; undefined outside of sections. */
  readonly instance?: number | undefined;
  /** Path of the field inside the section, such as `sq[3].head`. */
  readonly field: string;
  /** Absolute byte offset in the stream. */
  readonly offset: number;
}

/** A device's state cannot be loaded or saved; carries the field's location. */
export class VmstateError extends StreamError {
  /** The message has the location before the problem. */
  constructor(
    /** What went wrong, without the location. */
    readonly problem: string,
    /** Where it went wrong. */
    readonly location: VmstateLocation,
    options: { action?: "load" | "save"; cause?: unknown } = {},
  ) {
    super(
      `Cannot ${options.action ?? "load"} ${place(location)}: ${problem}`,
      location.offset,
      { code: "bad-vmstate", cause: options.cause },
    );
  }
}

/** Thrown by codecs and hooks; the caller adds section, field and offset. */
export class InvalidValue extends Error {
  /** The class, as in other errors. */
  override readonly name = "InvalidValue";
}

/** True for errors of codecs about the bytes or the value. */
export function isFieldProblem(error: unknown): error is Error {
  return error instanceof InvalidValue || error instanceof StreamError ||
    error instanceof RangeError;
}

/** The message of such an error, without the offset that the location has. */
export function problemOf(error: Error): string {
  return error instanceof TornStreamError
    ? "the stream ends here" //
    : error.message;
}

/** A path in messages, such as `sq[3].head`. */
export function pathText(path: readonly (string | number)[]): string {
  return path.map((step, depth) => {
    if (typeof step === "number") return `[${step}]`;
    return depth === 0 ? step : `.${step}`;
  }).join("");
}

function place(location: VmstateLocation): string {
  const instance = location.instance === undefined
    ? ""
    : ` instance ${location.instance}`;
  const field = location.field === "" ? "" : ` field "${location.field}"`;
  return `section "${location.section}"${instance}${field} at offset ` +
    `${location.offset}`;
}
