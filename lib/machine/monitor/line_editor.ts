/**
 * Edits a line on a terminal: cursor keys, history, and the usual control keys.
 * It maps keys to output and does no input or output itself. Every character
 * is taken as one column wide.
 *
 * @module
 */

/** What to write to the terminal, and the line if it is complete. */
export interface Edited {
  readonly echo: string;
  readonly line?: string;
  /** Whether the input ends: Control-D on an empty line. */
  readonly ends?: true;
}

/** Other names of a key. */
const SAME_KEY: Readonly<Record<string, string>> = {
  "\x01": "\x1b[H",
  "\x02": "\x1b[D",
  "\x05": "\x1b[F",
  "\x06": "\x1b[C",
  "\b": "\x7f",
  "\x0e": "\x1b[B",
  "\x10": "\x1b[A",
  "\r": "\n",
  "\x1b[1~": "\x1b[H",
  "\x1b[7~": "\x1b[H",
  "\x1b[4~": "\x1b[F",
  "\x1b[8~": "\x1b[F",
};

/** The beginning of an escape sequence, after ESC. */
const SEQUENCE = /^(?:|O|\[[\d;]*)$/;
/** After the last column the cursor stays there until more is written. */
const NEXT_ROW = "\r\n";

/** Edits the lines after a prompt. */
export class LineEditor {
  readonly #history: string[] = [];
  /** Which line of the history is edited; its length for a new one. */
  #recalled = 0;
  #line: readonly string[] = [];
  #cursor = 0;
  /** The row of the cursor, below that of the prompt. */
  #row = 0;
  #sequence = "";

  /** @param columns the width of the terminal */
  constructor(
    private readonly prompt: string,
    private readonly columns: () => number,
  ) {}

  /** Takes one character of the input. */
  take(character: string): Edited {
    const key = this.#sequence + character;
    if (key.startsWith("\x1b") && SEQUENCE.test(key.slice(1))) {
      this.#sequence = key;
      return { echo: "" };
    }
    this.#sequence = "";
    // A terminal may be in a mode in which its cursor keys begin with ESC O.
    const name = key.startsWith("\x1bO") ? `\x1b[${key.slice(2)}` : key;
    return this.#press(SAME_KEY[name] ?? name);
  }

  #press(key: string): Edited {
    const { length } = this.#line;
    switch (key) {
      case "\n":
        return this.#enter();
      case "\x04":
        if (length === 0) return { echo: "\n", ends: true };
        return this.#replace(this.#cursor, this.#cursor + 1);
      case "\x1b[3~":
        return this.#replace(this.#cursor, this.#cursor + 1);
      case "\x7f":
        return this.#replace(Math.max(0, this.#cursor - 1), this.#cursor);
      case "\x15":
        return this.#replace(0, this.#cursor);
      case "\x0b":
        return this.#replace(this.#cursor, length);
      case "\x1b[H":
        return this.#moveTo(0);
      case "\x1b[F":
        return this.#moveTo(length);
      case "\x1b[D":
        return this.#moveTo(this.#cursor - 1);
      case "\x1b[C":
        return this.#moveTo(this.#cursor + 1);
      case "\x1b[A":
        return this.#recall(this.#recalled - 1);
      case "\x1b[B":
        return this.#recall(this.#recalled + 1);
      default:
        return key < " " ? { echo: "" } : this.#insert(key);
    }
  }

  #enter(): Edited {
    const { echo } = this.#moveTo(this.#line.length);
    const line = this.#line.join("");
    if (line.trim() !== "" && line !== this.#history.at(-1)) {
      this.#history.push(line);
    }
    this.#recalled = this.#history.length;
    this.#line = [];
    this.#cursor = 0;
    this.#row = 0;
    return { echo: `${echo}\n`, line };
  }

  #insert(character: string): Edited {
    const isAtEnd = this.#cursor === this.#line.length;
    this.#line = this.#line.toSpliced(this.#cursor, 0, character);
    this.#cursor++;
    if (!isAtEnd) return this.#draw();
    const end = this.prompt.length + this.#line.length;
    if (end % this.columns() !== 0) return { echo: character };
    this.#row++;
    return { echo: `${character}${NEXT_ROW}` };
  }

  /** Removes the characters from one place to another. */
  #replace(from: number, to: number): Edited {
    this.#line = this.#line.toSpliced(from, to - from);
    this.#cursor = from;
    return this.#draw();
  }

  #moveTo(place: number): Edited {
    if (place < 0 || place > this.#line.length || place === this.#cursor) {
      return { echo: "" };
    }
    this.#cursor = place;
    return this.#draw();
  }

  #recall(place: number): Edited {
    if (place < 0 || place > this.#history.length) return { echo: "" };
    this.#recalled = place;
    this.#line = [...this.#history[place] ?? ""];
    this.#cursor = this.#line.length;
    return this.#draw();
  }

  /** Draws the prompt and the line again, over what is there. */
  #draw(): Edited {
    const columns = this.columns();
    const text = this.prompt + this.#line.join("");
    const end = this.prompt.length + this.#line.length;
    const cursor = this.prompt.length + this.#cursor;
    const row = Math.floor(cursor / columns);
    const echo = [
      up(this.#row),
      `\r\x1b[J${text}`,
      end % columns === 0 ? NEXT_ROW : "",
      up(Math.floor(end / columns) - row),
      "\r",
      cursor % columns === 0 ? "" : `\x1b[${cursor % columns}C`,
    ].join("");
    this.#row = row;
    return { echo };
  }
}

function up(rows: number): string {
  return rows > 0 ? `\x1b[${rows}A` : "";
}
