import { CprctlError } from "../errors.ts";

/** An input cannot be read, or has an unknown format. */
export class InspectError extends CprctlError {}
