/**
 * HTML that cannot be broken by what it shows: texts become markup through
 * `markup` alone, which escapes whatever is not markup already. The names and
 * messages of a report may have been written by a hostile guest or QEMU.
 *
 * @module
 */

import { inertJson, printable } from "../../inert.ts";

/** Text that is HTML; only this module makes it of other text. */
export class Markup {
  readonly #text: string;

  private constructor(text: string) {
    this.#text = text;
  }

  /** Markup that is a constant of this program. */
  static trusted(text: string): Markup {
    return new Markup(text);
  }

  toString(): string {
    return this.#text;
  }
}

/** What may stand in a template: text is escaped, a list is joined. */
export type Content = string | number | Markup | readonly Content[];

/** Nothing. */
export const NOTHING: Markup = Markup.trusted("");

/**
 * Markup from a template. A value may stand between tags or in a quoted
 * attribute; control characters in it are shown as their codes.
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

/** An element with attributes, as SVG has them; closed where it is empty. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  ...content: readonly Content[]
): Markup {
  const words = Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${render(value)}"`).join("");
  return Markup.trusted(
    content.length === 0
      ? `<${name}${words}/>`
      : `<${name}${words}>${render(content)}</${name}>`,
  );
}

/**
 * A JSON document for a `<script>`: no character of it can end the script, be
 * taken for a comment or for the end of a line.
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
