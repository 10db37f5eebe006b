/** The part of @std/cli's parseArgs that is used here. */

/** What was given, by the names of the options; the rest is in `_`. */
export interface Args {
  readonly [name: string]: unknown;
  readonly _: (string | number)[];
}

export interface ParseOptions {
  /** Options without a value. */
  readonly boolean?: readonly string[];
  /** Options whose value stays text. */
  readonly string?: readonly string[];
  /** Other names of options. */
  readonly alias?: Readonly<Record<string, string>>;
  /** Is told each word that is no option of these. */
  readonly unknown?: (word: string) => unknown;
}

export function parseArgs(args: string[], options?: ParseOptions): Args;
