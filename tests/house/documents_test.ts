import { assert, assertEquals } from "@std/assert";
import { ifThere } from "../../lib/gone.ts";
import { documents } from "./documents.ts";
import { sourceFiles } from "./source_files.ts";

/** What the documents name is there: files, headings, symbols, tasks, tests. */

const ROOT = new URL("../../", import.meta.url);
/** A README that nobody reads to the end is none. */
const README_LINES = 130;

const { tasks }: { readonly tasks: Readonly<Record<string, unknown>> } = JSON
  .parse(await read("deno.json"));

function read(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, ROOT));
}

/** A Markdown text without its code blocks. */
function prose(text: string): string {
  return text.replaceAll(/^```[^]*?^```$/gm, "");
}

/** The anchors of a page, as GitHub makes them of its headings. */
function anchors(text: string): Set<string> {
  const headings = prose(text).matchAll(/^#{1,6} (.*)$/gm);
  return new Set(
    [...headings].map(([, heading = ""]) =>
      heading.toLowerCase().replaceAll(/[^\p{L}\p{N}_ -]/gu, "")
        .replaceAll(" ", "-")
    ),
  );
}

interface Link {
  readonly text: string;
  readonly path: string;
  readonly anchor: string | undefined;
}

function links(text: string): Link[] {
  return [...prose(text).matchAll(/\[([^\]]*)\]\(([^)\s]+)\)/g)]
    .map(([, text = "", target = ""]) => {
      const [path = "", anchor] = target.split("#");
      return { text, path, anchor };
    }).filter(({ path }) => !/^https?:/.test(path));
}

/** What is wrong with a link of a page; undefined where nothing is. */
async function problem(page: string, link: Link): Promise<string | undefined> {
  const target = link.path === "" ? page : link.path;
  const url = new URL(target, new URL(link.path === "" ? "" : page, ROOT));
  const name = url.href.slice(ROOT.href.length);
  const info = await ifThere(Deno.stat(url));
  if (info === undefined) return `"${name}" is not there`;
  if (!info.isFile) return undefined;
  const text = await Deno.readTextFile(url);
  if (link.anchor !== undefined && !anchors(text).has(link.anchor)) {
    return `"${name}" has no heading "#${link.anchor}"`;
  }
  // The text of a link into the source may be a name that stands there.
  const symbol = /^`(\w+)(?:\(\))?`$/.exec(link.text)?.[1];
  return symbol === undefined || !name.endsWith(".ts") ||
      new RegExp(`\\b${symbol}\\b`).test(text)
    ? undefined
    : `"${name}" has no "${symbol}"`;
}

async function problems(page: string, text: string): Promise<string[]> {
  const found = await Promise.all(
    links(text).map((link) => problem(page, link)),
  );
  const named = [...text.matchAll(/deno(?:@[\d.]+)? task ([\w:]+)/g)]
    .map(([, name = ""]) => name);
  return [
    ...found.filter((each) => each !== undefined),
    ...named.filter((name) => !(name in tasks))
      .map((name) => `there is no task "${name}"`),
  ].map((each) => `${page}: ${each}`);
}

Deno.test("what documents link to is there", async () => {
  const found: string[] = [];
  for await (const { page, text } of documents()) {
    found.push(...await problems(page, text));
  }
  assertEquals(found, []);
});

Deno.test("a link to what is not there is noticed", async () => {
  const text = "# A *b*, `c`\n[x](../README.md) [x](x.md) [x](#a-b-c) [x](#b)" +
    "\n```sh\n[x](y.md)\n```\n[`read`](../main.ts) `npx deno@2.9.6 task x`";
  const page = "docs/security.md";
  assertEquals(anchors(text), new Set(["a-b-c"]));
  assertEquals(await problems(page, text), [
    `${page}: "docs/x.md" is not there`,
    `${page}: "${page}" has no heading "#a-b-c"`,
    `${page}: "${page}" has no heading "#b"`,
    `${page}: "main.ts" has no "read"`,
    `${page}: there is no task "x"`,
  ]);
});

Deno.test("files and folders that a document names are there", async () => {
  for await (const { text } of documents(["docs"])) {
    // In the text, or in front of what a drawing says of them.
    const named = text.matchAll(
      /(?:`|^)((?:lib|ffi|testing|tests|scripts)\/[\w./-]*)/gm,
    );
    for (const [, path = ""] of named) await Deno.stat(new URL(path, ROOT));
  }
});

Deno.test("messages that a document explains are there", async () => {
  const table = (await read("docs/operating.md")).split("\n## At 3 a.m.\n")[1];
  const explained = [...(table ?? "").matchAll(/^\| `([^`]+)` +\|/gm)]
    .map(([, message = ""]) => message);
  assert(explained.length > 5);
  let source = "";
  for await (const { text } of sourceFiles(["lib"])) {
    source += text.replaceAll(/["`] \+\s*["`]/g, ""); // one text on two lines
  }
  assertEquals(explained.filter((each) => !source.includes(each)), []);
});

Deno.test("the README is short", async () => {
  const lines = (await read("README.md")).trimEnd().split("\n").length;
  assert(lines <= README_LINES, `${lines} lines`);
});
