/** The commands that a page of documentation shows, to be run as they stand. */

const ROOT = new URL("../../../", import.meta.url);

/** The text of the code blocks below a heading, up to the next heading. */
export async function blocks(page: string, heading: string): Promise<string[]> {
  const text = await Deno.readTextFile(new URL(page, ROOT));
  const below = text.split(/^#+ /m).find((it) => it.startsWith(`${heading}\n`));
  if (below === undefined) throw new Error(`${page} has no "${heading}"`);
  return [...below.matchAll(/^```\w+\n([^]*?)^```$/gm)]
    .map(([, block = ""]) => block);
}

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
  return found;
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
