/** The first lines of an output that may have any number of them. */

/**
 * The texts up to so many lines, and a line that says so if there are more.
 *
 * @param texts each of whole lines
 */
export function* limited(
  texts: Iterable<string>,
  limit: number | undefined,
): Generator<string> {
  let left = limit ?? Infinity;
  for (const text of texts) {
    for (const line of text.split(/(?<=\n)/)) {
      if (left === 0) return yield `… and more (--limit ${limit})\n`;
      yield line;
      left--;
    }
  }
}
