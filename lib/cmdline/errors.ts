/**
 * Errors of a command line in QEMU's option style.
 *
 * ```
 * CmdlineError                 exit code 2
 * ├── UnknownOptionError       no such option
 * ├── MissingValueError        the last option lacks its value
 * ├── ConfigFileError          a line of a -readconfig file, with its number
 * ├── OptionSyntaxError        neither key=value text nor JSON, with the offset
 * └── OptionValueError         a key's value is invalid
 * ```
 *
 * @module
 */

import { CprctlError } from "../errors.ts";
import { clipped } from "../inert.ts";
import { redacted } from "./redact.ts";

/** Characters of a message: a word may have 128 KiB. */
const LONGEST = 2048;

/** A command line in QEMU's option style is invalid; secrets are redacted. */
export class CmdlineError extends CprctlError {
  /** That of a wrong command line. */
  override readonly exitCode: number = 2;

  /** Clips a message, and hides the secrets in it. */
  constructor(message: string) {
    super("cmdline", redacted(clipped(message, LONGEST)));
  }
}

/** An option is not in the table. */
export class UnknownOptionError extends CmdlineError {
  /** Names the option. */
  constructor(
    /** The word as written. */
    readonly word: string,
    /** Its index among the words. */
    readonly index: number,
  ) {
    super(`Cannot parse option "${word}": unknown option`);
  }
}

/** The last option takes a value and has none. */
export class MissingValueError extends CmdlineError {
  /** Names the option. */
  constructor(
    /** The word as written. */
    readonly word: string,
    /** Its index among the words. */
    readonly index: number,
  ) {
    super(`Cannot parse option "${word}": requires an argument`);
  }
}

/** A line of a -readconfig file cannot be read. */
export class ConfigFileError extends CmdlineError {
  /** Names the line; `detail` says what is wrong with it. */
  constructor(
    /** The line as written. */
    readonly line: string,
    /** From 1. */
    readonly number: number,
    detail: string,
  ) {
    super(`Cannot parse line ${number}, "${clipped(line, 200)}": ${detail}`);
  }
}

/** A value is neither key=value text nor JSON. */
export class OptionSyntaxError extends CmdlineError {
  /** Names the place in the text; `detail` says what was expected. */
  constructor(
    /** The whole value. */
    readonly text: string,
    /** Offset of the error, in UTF-16 code units. */
    readonly offset: number,
    detail: string,
  ) {
    super(`Cannot parse "${text}": ${detail} at offset ${offset}`);
  }
}

/** The value of a key is invalid. */
export class OptionValueError extends CmdlineError {
  /** Names the key and its value; `detail` says why it is invalid. */
  constructor(
    /** The key as written. */
    readonly key: string,
    /** Its value as written. */
    readonly value: string,
    detail: string,
  ) {
    super(`Cannot set "${key}" to "${value}": ${detail}`);
  }
}
