import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { LineEditor } from "../../../lib/machine/monitor/line_editor.ts";

const PROMPT = "(vm) ";
const [UP, DOWN, RIGHT, LEFT] = ["\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"];

/** The least of a terminal: what is on it, and where its cursor is. */
class Screen {
  readonly rows = [""];
  row = 0;
  column = 0;
  readonly #columns: number;

  constructor(columns: number) {
    this.#columns = columns;
  }

  write(text: string): void {
    // deno-lint-ignore no-control-regex
    for (const [all, sequence] of text.matchAll(/\x1b\[(\d*[A-Z])|[^]/g)) {
      if (sequence !== undefined) this.#control(sequence);
      else if (all === "\r") this.column = 0;
      else if (all === "\n") this.#nextRow(this.column);
      else this.#put(all);
    }
  }

  #control(sequence: string): void {
    const count = Number(sequence.slice(0, -1) || 1);
    const letter = sequence.at(-1);
    if (letter === "A") this.row -= count;
    else if (letter === "C") this.column += count;
    else {
      this.rows.splice(this.row + 1);
      this.rows[this.row] = (this.rows[this.row] ?? "").slice(0, this.column);
    }
  }

  /** After the last column the cursor waits for the next character. */
  #put(character: string): void {
    if (this.column === this.#columns) this.#nextRow(0);
    const text = this.rows[this.row] ?? "";
    this.rows[this.row] = text.slice(0, this.column) + character +
      text.slice(this.column + 1);
    this.column++;
  }

  #nextRow(column: number): void {
    this.row++;
    this.column = column;
    this.rows[this.row] ??= "";
  }
}

/** Presses keys; the lines that were entered, the screen, the last prompt's row. */
function typed(keys: readonly string[], columns = 80) {
  const editor = new LineEditor(PROMPT, () => columns);
  const screen = new Screen(columns);
  const lines: string[] = [];
  let ended = false;
  let first = 0;
  screen.write(PROMPT);
  for (const character of keys.flatMap((key) => [...key])) {
    const { echo, line, ends } = editor.take(character);
    screen.write(echo);
    if (line !== undefined) {
      lines.push(line);
      first = screen.row;
      screen.write(`\r${PROMPT}`);
    }
    ended ||= ends === true;
  }
  return { lines, screen, ended, first };
}

Deno.test("cursor keys recall and correct what was typed", () => {
  const entered = (...keys: string[]) => typed(keys).lines;
  assertEquals(entered("stop\n", "cont\n", UP, "\n", UP, UP, "\n"), [
    ...["stop", "cont", "cont", "stop"],
  ]);
  assertEquals(entered("stop\n", UP, DOWN, "c\r"), ["stop", "c"]);
  assertEquals(entered("stop\n", "\x1bOA", "\n"), ["stop", "stop"]);
  assertEquals(entered("sop", LEFT, LEFT, "t", RIGHT, "\n"), ["stop"]);
  assertEquals(entered("xstop", "\x1b[H", "\x1b[3~", "\x1b[F", "!\x7f\n"), [
    "stop",
  ]);
  assertEquals(
    entered("\x01a\x05b\x02c\x06d\x15stop now", LEFT, LEFT, LEFT),
    [],
  );
  assertEquals(entered("a b\x01\x06\x0b\n", "x y\x02\x15\n"), ["a", "y"]);
  assertEquals(entered("stop\x1b[15~\x1b[1;5C\x00\t\n"), ["stop"]);
});

Deno.test("Control-D ends the input on an empty line, and deletes on others", () => {
  assertEquals(typed(["ab\x01\x04\n", "\x04"]), {
    ...typed(["b\n", "\x04"]),
    lines: ["b"],
    ended: true,
  });
  assertEquals(typed(["a\x04"]).ended, false);
});

Deno.test("the screen shows the line and the cursor, on any number of rows", () => {
  const key = fc.oneof(
    fc.string({ unit: fc.constantFrom(..."abcdefg "), maxLength: 9 }),
    fc.constantFrom(UP, DOWN, RIGHT, LEFT, "\x7f", "\x1b[H", "\x1b[F"),
    fc.constantFrom("\n", "\x0b", "\x15", "\x1b[3~"),
  );
  const columns = fc.integer({ min: 7, max: 20 });
  fc.assert(fc.property(fc.array(key), columns, (keys, columns) => {
    const { screen, lines, first } = typed(keys, columns);
    const { row, column } = screen;
    // What the editor holds: a mark at the cursor, and the line is entered.
    const marked = typed([...keys, "^\n"], columns).lines.at(-1) ?? "";
    assertEquals(
      typed([...keys, "\n"], columns).lines.length,
      lines.length + 1,
    );
    const at = PROMPT.length + marked.indexOf("^");
    const text = PROMPT + marked.replace("^", "");
    const shown = screen.rows.slice(first).join("");
    assertEquals([shown, row, column], [
      text,
      first + Math.floor(at / columns),
      at % columns,
    ]);
  }));
});
