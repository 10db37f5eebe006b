import { CprctlError } from "../errors.ts";

/** A migration cannot start, or has failed. */
export class MigrationError extends CprctlError {}
