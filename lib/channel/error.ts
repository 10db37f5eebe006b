import { CprctlError } from "../errors.ts";

/** A channel's address is invalid, or it cannot be opened, read or written. */
export class ChannelError extends CprctlError {}
