import { StreamError } from "../../stream/mod.ts";

/** The location of a problem in a migration stream. */
export interface StreamLocation {
  /** idstr of the section; undefined between sections. */
  readonly section?: string | undefined;
  readonly instance?: number | undefined;
  /** Path of the field inside the section, such as `sq[3].head`. */
  readonly field?: string | undefined;
  /** Absolute byte offset in the stream. */
  readonly offset: number;
  /** The file of the stream, if known. */
  readonly file?: string | undefined;
}

/** The action that failed. */
export type StreamAction = "load" | "decode" | "encode";

/** A migration stream is malformed; with the location. */
export class MigrationStreamError extends StreamError {
  constructor(
    /** What is wrong, without the location. */
    readonly problem: string,
    readonly location: StreamLocation,
    options: { action?: StreamAction; cause?: unknown } = {},
  ) {
    super(
      `Cannot ${options.action ?? "load"} ${place(location)}: ${problem}`,
      location.offset,
      { code: "bad-migration-stream", cause: options.cause },
    );
  }
}

/** A problem at an offset, in no known section. */
export function problemAt(
  problem: string,
  offset: number,
): MigrationStreamError {
  return new MigrationStreamError(problem, { offset });
}

/** The error for a problem in a section, or between sections. */
export function problemIn(
  section: { name: string; instanceId: number; offset: number } | undefined,
  problem: string,
  offset: number = section?.offset ?? 0,
): MigrationStreamError {
  return new MigrationStreamError(problem, {
    section: section?.name,
    instance: section?.instanceId,
    offset,
  });
}

function place(location: StreamLocation): string {
  const { section, instance, field, offset, file } = location;
  const inSection = section === undefined ? "stream" : `section "${section}"` +
    (instance === undefined ? "" : ` instance ${instance}`);
  const inField = field === undefined || field === ""
    ? ""
    : ` field "${field}"`;
  const inFile = file === undefined ? "" : ` of "${file}"`;
  return `${inSection}${inField} at offset ${offset}${inFile}`;
}

/** A number for messages. */
export function hex(value: number | bigint): string {
  return `0x${value.toString(16)}`;
}
