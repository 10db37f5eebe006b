/** What the two forms of an option's value, text and JSON, have in common. */

import { OptionValueError } from "./errors.ts";
import {
  parseBoolean,
  parseInteger,
  parseSize,
  type SizeUnit,
} from "./scalars.ts";

/** What a key can be set to. */
export type Scalar = string | number | bigint | boolean;

/** One key with its value, as key=value text would write both. */
export interface Entry {
  readonly key: string;
  readonly value: string;
}

/**
 * The value of an option such as -device, made of keys and values. It keeps
 * the text it was read from: `toString()` gives that very text back, and an
 * edited copy differs from it only where it was edited.
 *
 * Keys of nested values are dotted (`file.filename`), in both forms.
 */
export abstract class OptionValue {
  /** Every key with its value, in the order written. */
  abstract readonly entries: readonly Entry[];

  /** A copy in which `key` has this value; a new key goes to the end. */
  abstract with(key: string, value: Scalar): OptionValue;

  /** A copy without `key`; the same value where there is none. */
  abstract without(key: string): OptionValue;

  /** The text, written back. */
  abstract toString(): string;

  /** The value of `key`; of a repeated key the last, as QEMU takes it. */
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
      throw new OptionValueError(key, "", "required, and not given");
    }
    return value;
  }

  /**
   * The boolean value of `key`; undefined where it is not given.
   *
   * @throws {OptionValueError} if it is no boolean
   */
  boolean(key: string): boolean | undefined {
    const value = this.get(key);
    return value === undefined ? undefined : parseBoolean(key, value);
  }

  /**
   * The size that `key` gives, in bytes; undefined where it is not given.
   *
   * @param unit what a size without a suffix counts: bytes or MiB
   * @throws {OptionValueError} if it is no size
   */
  size(key: string, unit: SizeUnit = "B"): number | undefined {
    const value = this.get(key);
    return value === undefined ? undefined : parseSize(key, value, unit);
  }

  /**
   * The integer value of `key`; undefined where it is not given.
   *
   * @throws {OptionValueError} if it is no integer
   */
  integer(key: string): number | undefined {
    const value = this.get(key);
    return value === undefined ? undefined : parseInteger(key, value);
  }
}
