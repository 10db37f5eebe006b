/** Output that may have any number of lines. */

/** Characters of one write. */
const PIECE = 16 * 1024;

/**
 * Writes texts up to so many lines, and a line that says so if there are more.
 *
 * @param texts each of whole lines
 */
export function writeLimited(
  texts: Iterable<string>,
  limit: number | undefined,
  write: (text: string) => void,
): void {
  let piece = "";
  try {
    for (const text of limit === undefined ? texts : limited(texts, limit)) {
      piece += text;
      if (piece.length < PIECE) continue;
      write(piece);
      piece = "";
    }
  } finally {
    // Also what precedes an error.
    write(piece);
  }
}

function* limited(texts: Iterable<string>, limit: number): Generator<string> {
  let left = limit;
  for (const text of texts) {
    for (const line of text.split(/(?<=\n)/)) {
      if (left === 0) return yield `… and more (--limit ${limit})\n`;
      yield line;
      left--;
    }
  }
}
