import { CprctlError } from "../errors.ts";

/** CPR state is missing or malformed, or names a descriptor that is not open. */
export class CprError extends CprctlError {}

/** A descriptor of CPR state is closed, whose entry has this name in quotes. */
export function notOpen(
  descriptor: number,
  name: string,
  id: number,
): CprError {
  return new CprError(
    "cpr-not-open",
    `CPR state names descriptor ${descriptor} for ${name} id ${id}: ` +
      "it is not open",
    { remedy: "A wrapper must not close or renumber descriptors" },
  );
}
