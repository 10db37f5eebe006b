import { CprctlError } from "../../lib/errors.ts";

/** The program cannot be built. */
export class BuildError extends CprctlError {
  override readonly name: string = "BuildError";

  constructor(message: string, advice: { remedy?: string; cause?: unknown }) {
    super("build", message, advice);
  }
}

/** This machine has no denort, and none can be fetched. */
export class NoDenortError extends BuildError {
  override readonly name: string = "NoDenortError";
}
