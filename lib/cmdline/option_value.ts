/** The common base of the two forms of an option's value, text and JSON. */

import { OptionValueError } from "./errors.ts";
import {
  parseBoolean,
  parseInteger,
  parseSize,
  type SizeUnit,
} from "./scalars.ts";

/**
 * The most keys that a value may have. It bounds the time to edit one, which
 * may be another user's; a user network with a thousand ports has as many.
 */
export const MOST_KEYS = 8 * 1024;

/** A value that a key can be set to. */
export type Scalar = string | number | bigint | boolean;

/** One key with its value, as key=value text would write both. */
export interface Entry {
  /** The key; dotted if it is nested. */
  readonly key: string;
  /** Its value, without doubled commas. */
  readonly value: string;
}

/**
 * The value of an option such as -device: keys and values. It keeps the text
 * that it was parsed from: `toString()` returns that text, and an edited copy
 * differs from it only where it was edited.
 *
 * Keys of nested values are dotted (`file.filename`), in both forms.
 */
export abstract class OptionValue {
  /** Every key with its value, in the order written. */
  abstract readonly entries: readonly Entry[];

  /** A copy in which `key` has this value; a new key is added at the end. */
  abstract with(key: string, value: Scalar): OptionValue;

  /** A copy without `key`; this object if there is no such key. */
  abstract without(key: string): OptionValue;

  /** The text. */
  abstract toString(): string;

  /** The value of `key`; the last one if the key is repeated, as in QEMU. */
  get(key: string): string | undefined {
    return this.entries.findLast((entry) => entry.key === key)?.value;
  }

  /** Whether `key` is given. */
  has(key: string): boolean {
    return this.entries.some((entry) => entry.key === key);
  }

  /**
   * The value of `key`, which must be given.
   *
   * @throws {OptionValueError} if it is not
   */
  require(key: string): string {
    const value = this.get(key);
    if (value === undefined) {
      throw new OptionValueError(key, "", "required, but not given");
    }
    return value;
  }

  /**
   * The boolean value of `key`; undefined if it is not given.
   *
   * @throws {OptionValueError} if it is not a boolean
   */
  boolean(key: string): boolean | undefined {
    const value = this.get(key);
    return value === undefined ? undefined : parseBoolean(key, value);
  }

  /**
   * The size that `key` gives, in bytes; undefined if it is not given.
   *
   * @param unit the unit of a size without a suffix: bytes or MiB
   * @throws {OptionValueError} if it is not a size
   */
  size(key: string, unit: SizeUnit = "B"): number | undefined {
    const value = this.get(key);
    return value === undefined ? undefined : parseSize(key, value, unit);
  }

  /**
   * The integer value of `key`; undefined if it is not given.
   *
   * @throws {OptionValueError} if it is not an integer
   */
  integer(key: string): number | undefined {
    const value = this.get(key);
    return value === undefined ? undefined : parseInteger(key, value);
  }
}
