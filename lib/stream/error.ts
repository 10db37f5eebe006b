import { CprctlError, type ErrorAdvice } from "../errors.ts";

/** Bytes that are not what the format promises; names where they stand. */
export class StreamError extends CprctlError {
  override readonly name: string = "StreamError";

  constructor(
    message: string,
    /** Absolute byte offset in the stream at which the problem shows. */
    readonly offset: number,
    advice: ErrorAdvice & { code?: string } = {},
  ) {
    super(advice.code ?? "bad-stream", message, advice);
  }
}

/** The stream ends in the middle of something. */
export class TornStreamError extends StreamError {
  override readonly name: string = "TornStreamError";

  constructor(offset: number, needed: number, available: number) {
    super(
      `Stream ends early: ${needed} bytes needed at offset ${offset}, ` +
        `${available} left`,
      offset,
      { code: "torn-stream" },
    );
  }
}
