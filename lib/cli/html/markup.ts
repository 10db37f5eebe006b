/**
 * HTML with automatic escaping: text becomes markup only through `markup`,
 * which escapes everything that is not markup. Names and messages in a report
 * may come from a hostile guest or QEMU.
 *
 * @module
 */

import { inertJson, printable } from "../../inert.ts";

/** HTML text, created only by this module. */
export class Markup {
  private constructor(private readonly text: string) {}

  /** Markup that is a constant of this program. */
  static trusted(text: string): Markup {
    return new Markup(text);
  }

  toString(): string {
    return this.text;
  }
}

/** A value in a template: text is escaped, a list is joined. */
export type Content = string | number | Markup | readonly Content[];

/** Nothing. */
export const NOTHING: Markup = Markup.trusted("");

/**
 * Markup from a template. A value may be used between tags or in a quoted
 * attribute; its control characters are shown as codes.
 */
export function markup(
  literals: TemplateStringsArray,
  ...values: readonly Content[]
): Markup {
  let result = literals[0] ?? "";
  for (const [index, value] of values.entries()) {
    result += render(value) + (literals[index + 1] ?? "");
  }
  return Markup.trusted(result);
}

/** A word after its sign, which is not read aloud. */
export function signed(sign: string, word: string): Markup {
  return markup`<span aria-hidden="true">${sign}</span> ${word}`;
}

/**
 * A JSON document for a `<script>`, escaped so that it cannot end the script,
 * begin a comment, or contain a line separator.
 */
export function scriptJson(value: unknown): Markup {
  const text = inertJson(value, 1).replaceAll(
    /[<>&]/g,
    (character) =>
      `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return Markup.trusted(text);
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function render(value: Content): string {
  if (value instanceof Markup) return value.toString();
  if (typeof value === "number") return String(value);
  if (typeof value === "string") {
    const escaped = (character: string) => ENTITIES[character] ?? character;
    return printable(value).replaceAll(/[&<>"']/g, escaped);
  }
  return value.map(render).join("");
}
