import { StreamError, TornStreamError } from "../stream/mod.ts";

/** Where in a stream a VMState problem lies. */
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

/** A device's state cannot be loaded or saved; says which field of what. */
export class VmstateError extends StreamError {
  override readonly name: string = "VmstateError";

  constructor(
    /** What went wrong, without the place. */
    readonly problem: string,
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

/** Thrown by codecs and hooks; the loader adds section, field and offset. */
export class InvalidValue extends Error {
  override readonly name = "InvalidValue";
}

/** True for the errors that codecs raise about the bytes or the value. */
export function isFieldProblem(error: unknown): error is Error {
  return error instanceof InvalidValue || error instanceof StreamError ||
    error instanceof RangeError;
}

/** A field problem's text without the place, which the location repeats. */
export function problemOf(error: Error): string {
  return error instanceof TornStreamError
    ? "the stream ends here" //
    : error.message;
}

/** A path as messages show it, such as `sq[3].head`. */
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
