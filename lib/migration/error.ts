import { CprctlError } from "../errors.ts";

/** A migration cannot start, or ended without success. */
export class MigrationError extends CprctlError {
  override readonly name: string = "MigrationError";
}
