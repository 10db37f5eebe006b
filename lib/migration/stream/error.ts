import { StreamError, TornStreamError } from "../../stream/mod.ts";

/** Where in a migration stream a problem lies. */
export interface StreamLocation {
  /** idstr of the section; undefined between sections. */
  readonly section?: string | undefined;
  readonly instance?: number | undefined;
  /** Path of the field inside the section, such as `sq[3].head`. */
  readonly field?: string | undefined;
  /** Absolute byte offset in the stream. */
  readonly offset: number;
  /** The file that the stream is in, where that is known. */
  readonly file?: string | undefined;
}

/** What was being done when the problem showed. */
export type StreamAction = "load" | "decode" | "encode";

/** A migration stream that cannot be what a sender wrote, and where. */
export class MigrationStreamError extends StreamError {
  override readonly name: string = "MigrationStreamError";

  constructor(
    /** What is wrong, without the place. */
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

/** The error for what is wrong with a section, or between sections. */
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

/** The text of an error that is about to get its place added. */
export function problemText(error: Error): string {
  if (error instanceof TornStreamError) return "the stream ends here";
  return error instanceof MigrationStreamError ? error.problem : error.message;
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
