import { CprctlError, type ErrorAdvice } from "../errors.ts";

/** What was to be looked at cannot be had, or is nothing that is known. */
export class InspectError extends CprctlError {
  override readonly name: string = "InspectError";

  constructor(code: string, message: string, advice: ErrorAdvice = {}) {
    super(code, message, advice);
  }
}
