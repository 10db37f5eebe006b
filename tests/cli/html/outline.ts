import { assert, assertEquals } from "@std/assert";

/** Elements that have no content and no end. */
const VOID = new Set(["meta", "wbr", "!DOCTYPE"]);
/** Elements whose content is no markup. */
const RAW = new Set(["style", "script"]);

/** A start tag, an end tag, or the text between two. */
export interface Token {
  readonly kind: "start" | "end" | "text";
  /** The element's name, or the text. */
  readonly value: string;
  /** Names and values, as they are written. */
  readonly attributes: readonly (readonly [name: string, value: string])[];
  /** Of a start tag: nothing may stand in it. */
  readonly isEmpty: boolean;
}

/** The tokens of a page, read as a browser reads well-formed ones. */
export function tokensOf(page: string): Token[] {
  const tokens: Token[] = [];
  const tag = /<(\/?)([!\w]+)((?:\s+[\w:-]+(?:="[^"<]*")?)*)\s*(\/?)>/y;
  for (let at = 0; at < page.length;) {
    const raw = tokens.at(-1);
    const end = raw?.kind === "start" && RAW.has(raw.value)
      ? page.indexOf(`</${raw.value}`, at)
      : page.indexOf("<", at);
    const stop = end === -1 ? page.length : end;
    if (stop > at) {
      const value = page.slice(at, stop);
      tokens.push({ kind: "text", value, attributes: [], isEmpty: true });
      at = stop;
      continue;
    }
    tag.lastIndex = at;
    const match = tag.exec(page);
    assert(match !== null, `no tag: ${page.slice(at, at + 60)}`);
    const [whole, slash, value = "", words = "", close] = match;
    const attributes = [...words.matchAll(/([\w:-]+)(?:="([^"]*)")?/g)]
      .map(([, name = "", text = ""]) => [name, text] as const);
    tokens.push({
      kind: slash === "/" ? "end" : "start",
      value,
      attributes,
      isEmpty: close === "/" || VOID.has(value),
    });
    at += whole.length;
  }
  return tokens;
}

/**
 * A page as an outline: an element or a text a line, each below what it is in.
 * The contents of styles and scripts are left out.
 */
export function outlineOf(page: string): string {
  const lines: string[] = [];
  const open: string[] = [];
  for (const { kind, value, attributes, isEmpty } of tokensOf(page)) {
    if (kind === "end") {
      assertEquals(open.pop(), value, "an element ends inside another");
      continue;
    }
    if (RAW.has(open.at(-1) ?? "") || value.trim() === "") continue;
    const words = attributes.map(([name, text]) => ` ${name}=${text}`).join("");
    const line = kind === "text" ? JSON.stringify(value.trim()) : value + words;
    lines.push("  ".repeat(open.length) + line);
    if (kind === "start" && !isEmpty) open.push(value);
  }
  assertEquals(open, [], "an element does not end");
  return lines.join("\n");
}

/** The names of all elements and of their attributes: what markup there is. */
export function skeletonOf(page: string): string {
  return tokensOf(page).filter(({ kind }) => kind !== "text")
    .map(({ kind, value, attributes }) =>
      [kind, value, ...attributes.map(([name]) => name)].join(" ")
    ).join("\n");
}

/** What `#report` holds. */
export function embeddedJson(page: string): unknown {
  const tokens = tokensOf(page);
  const script = tokens.findIndex(({ value }) => value === "script");
  return JSON.parse(tokens[script + 1]?.value ?? "");
}
