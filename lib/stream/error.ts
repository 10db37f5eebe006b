import { CprctlError, type ErrorAdvice } from "../errors.ts";

/** The bytes of a stream are malformed; carries their offset. */
export class StreamError extends CprctlError {
  /** The advice may have a code; default: `bad-stream`. */
  constructor(
    message: string,
    /** Absolute byte offset in the stream of what is malformed. */
    readonly offset: number,
    advice: ErrorAdvice & { code?: string } = {},
  ) {
    super(advice.code ?? "bad-stream", message, advice);
  }
}

/** The stream ends in the middle of a value. */
export class TornStreamError extends StreamError {
  /** A value at `offset` needs more bytes than are available. */
  constructor(offset: number, needed: number, available: number) {
    super(
      `Stream ends early: ${needed} bytes needed at offset ${offset}, ` +
        `${available} left`,
      offset,
      { code: "torn-stream" },
    );
  }
}
