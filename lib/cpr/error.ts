import { CprctlError } from "../errors.ts";

/** CPR state is missing, damaged, or names what is not there. */
export class CprError extends CprctlError {
  override readonly name: string = "CprError";
}
