import { CprctlError } from "../errors.ts";

/** CPR state is missing or malformed, or names a descriptor that is not open. */
export class CprError extends CprctlError {
  override readonly name: string = "CprError";
}
