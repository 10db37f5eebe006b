/**
 * What can be wrong with a command line in QEMU's option style.
 *
 * ```
 * CmdlineError                 exit code 2
 * ├── UnknownOptionError       no such option
 * ├── MissingValueError        the option takes a value, and the words end
 * ├── OptionSyntaxError        neither key=value text nor JSON, with the offset
 * └── OptionValueError         a key's value is not what the option wants
 * ```
 *
 * @module
 */

import { CprctlError, type ErrorAdvice } from "../errors.ts";
import { clipped } from "../inert.ts";
import { redacted } from "./redact.ts";

/** A word may have 128 KiB; a message is for a person. */
const LONGEST = 2048;

/** A command line in QEMU's option style is wrong; no message has its secrets. */
export class CmdlineError extends CprctlError {
  override readonly name: string = "CmdlineError";
  override readonly exitCode: number = 2;

  constructor(message: string, advice: ErrorAdvice = {}) {
    super("cmdline", redacted(clipped(message, LONGEST)), advice);
  }
}

/** A word starts with a dash and names no option of the table. */
export class UnknownOptionError extends CmdlineError {
  override readonly name = "UnknownOptionError";

  constructor(
    /** The word as it was written. */
    readonly word: string,
    /** Its place in the words. */
    readonly index: number,
  ) {
    super(`Cannot parse option "${word}": unknown option`);
  }
}

/** An option takes a value, and there is no word after it. */
export class MissingValueError extends CmdlineError {
  override readonly name = "MissingValueError";

  constructor(
    /** The word as it was written. */
    readonly word: string,
    /** Its place in the words. */
    readonly index: number,
  ) {
    super(`Cannot parse option "${word}": requires an argument`);
  }
}

/** A value is neither key=value text nor JSON. */
export class OptionSyntaxError extends CmdlineError {
  override readonly name = "OptionSyntaxError";

  constructor(
    /** The whole value. */
    readonly text: string,
    /** Where in it, in UTF-16 units. */
    readonly offset: number,
    detail: string,
  ) {
    super(`Cannot parse "${text}": ${detail} at offset ${offset}`);
  }
}

/** The value of a key is not what the option wants. */
export class OptionValueError extends CmdlineError {
  override readonly name = "OptionValueError";

  constructor(
    readonly key: string,
    readonly value: string,
    detail: string,
  ) {
    super(`Cannot set "${key}" to "${value}": ${detail}`);
  }
}
