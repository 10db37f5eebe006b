/** The commands that a page of documentation shows, to be run as they stand. */

import { documents } from "../../house/documents.ts";

const ROOT = new URL("../../../", import.meta.url);

/** The text of the code blocks below a heading, up to the next heading. */
export async function blocks(page: string, heading: string): Promise<string[]> {
  const text = await Deno.readTextFile(new URL(page, ROOT));
  const below = text.split(/^#+ /m).find((it) => it.startsWith(`${heading}\n`));
  if (below === undefined) throw new Error(`${page} has no "${heading}"`);
  return [...below.matchAll(/^```\w+\n([^]*?)^```$/gm)]
    .map(([, block = ""]) => block);
}

/** Blocks that somebody took to run them. */
const taken = new Set<string>();

/** One of them, the first being 0. */
export async function block(
  page: string,
  heading: string,
  index = 0,
): Promise<string> {
  const found = (await blocks(page, heading))[index];
  if (found === undefined) {
    throw new Error(`${page} has no block ${index} at "${heading}"`);
  }
  taken.add(found);
  return found;
}

/** Blocks of commands in pages that nobody has taken yet. */
export async function untaken(pages: readonly string[]): Promise<string[]> {
  const found: string[] = [];
  for await (const { page, text } of documents(pages)) {
    for (
      const [, it = ""] of text.matchAll(/^```(?:sh|console)\n([^]*?)^```$/gm)
    ) {
      if (!taken.has(it)) found.push(`${page}: ${it}`);
    }
  }
  return found;
}

/** The commands of cprctl that the text of pages names, each once. */
export async function named(pages: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for await (const { text } of documents(pages)) {
    for (const [, it = ""] of text.matchAll(/`(cprctl [a-z][^`]*)`/g)) {
      found.add(it.replaceAll(/\s+/g, " "));
    }
  }
  return [...found];
}

/** What a person types in a session with prompts. */
export function typed(session: string): string[] {
  return session.replaceAll("\\\n", " ").split("\n")
    .filter((line) => line.startsWith("$ ")).map((line) => line.slice(2));
}

/** The first line that a session shows below what is typed. */
export function shownBelow(session: string, command: string): string {
  const lines = session.split("\n");
  return lines[lines.indexOf(`$ ${command}`) + 1] ?? "";
}

/** Without Deno, npx stands for it: CONTRIBUTING.md has it so. */
export function withoutDeno(script: string): string {
  return script.replaceAll(/^deno /gm, "npx -y deno@2.9.6 ");
}
