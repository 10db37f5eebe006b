import { assert, assertEquals } from "@std/assert";
import { sourceFiles } from "./source_files.ts";

/** The house from the ground up; a room may import itself and lower floors. */
const FLOORS: readonly (readonly string[])[] = [
  ["ffi", "lib/errors.ts", "lib/foreign_json.ts", "lib/version.ts"],
  ["lib/stream", "lib/cmdline"],
  ["lib/vmstate"],
  ["lib/channel", "lib/qmp"],
  ["lib/cpr"],
  ["lib/migration"],
  ["lib/inspect"],
  ["lib/update", "lib/machine"],
  ["lib/cli"],
  ["main.ts", "exec.ts"],
];

/** What is not ffi, which has rights of its own. */
const PROGRAM = ["lib", "main.ts", "exec.ts"];
const EVERYTHING_ELSE = [...PROGRAM, "tests", "scripts"];

/** The part of the house that a file belongs to, and how high it is. */
function roomOf(path: string): { room: string; floor: number } | undefined {
  for (const [floor, rooms] of FLOORS.entries()) {
    for (const room of rooms) {
      if (path === room || path.startsWith(`${room}/`)) return { room, floor };
    }
  }
  return undefined;
}

/** Repository paths that a module imports, types and re-exports included. */
function localImports(path: string, text: string): string[] {
  const base = new URL(path, "file:///");
  const specifiers = text.matchAll(
    /(?:\bfrom\s*|\bimport\s*\(?\s*)"(\.{1,2}\/[^"]+)"/g,
  );
  return [...specifiers].map((match) =>
    new URL(match[1] ?? "", base).pathname.slice(1)
  );
}

function upwardImports(path: string, text: string): string[] {
  const here = roomOf(path);
  assert(here !== undefined, `"${path}" stands on no floor`);
  return localImports(path, text).filter((target) => {
    const there = roomOf(target);
    return there === undefined ||
      (there.room !== here.room && there.floor >= here.floor);
  });
}

Deno.test("imports run downward only", async () => {
  for await (const { path, text } of sourceFiles(["ffi", ...PROGRAM])) {
    assertEquals(upwardImports(path, text), [], `${path} imports upward`);
  }
});

Deno.test("an upward import is noticed", () => {
  const text = `export type { X } from "../update/report.ts";`;
  assertEquals(upwardImports("lib/cpr/state.ts", text), [
    "lib/update/report.ts",
  ]);
  assertEquals(upwardImports("lib/machine/board.ts", text), [
    "lib/update/report.ts",
  ]);
  assertEquals(upwardImports("lib/cli/update.ts", text), []);
});

/** Files that import each other, by whatever way round; none if there are none. */
function circle(imports: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const way: string[] = [];
  const follow = (path: string): string[] => {
    if (way.includes(path)) return [...way.slice(way.indexOf(path)), path];
    if (done.has(path)) return [];
    way.push(path);
    for (const target of imports.get(path) ?? []) {
      const found = follow(target);
      if (found.length > 0) return found;
    }
    way.pop();
    done.add(path);
    return [];
  };
  for (const path of imports.keys()) {
    const found = follow(path);
    if (found.length > 0) return found;
  }
  return [];
}

Deno.test("no files import each other in a circle", async () => {
  const imports = new Map<string, string[]>();
  for await (const { path, text } of sourceFiles(["ffi", ...EVERYTHING_ELSE])) {
    imports.set(path, localImports(path, withoutComments(text)));
  }
  assertEquals(circle(imports), []);
});

Deno.test("a circle is noticed", () => {
  const imports = new Map([
    ["a.ts", ["b.ts"]],
    ["b.ts", ["c.ts", "d.ts"]],
    ["d.ts", ["b.ts"]],
  ]);
  assertEquals(circle(imports), ["b.ts", "d.ts", "b.ts"]);
  imports.delete("d.ts");
  assertEquals(circle(imports), []);
});

/** Names by which the runtime opens libraries and gives pointers. */
const FOREIGN = new RegExp(
  `\\b(?:${"dl"}open|${"Unsafe"}(?:Pointer(?:View)?|FnPointer|Callback))\\b`,
);

function reachesOutside(text: string): boolean {
  return FOREIGN.test(withoutComments(text));
}

Deno.test("only ffi opens a library or touches a pointer", async () => {
  for await (const { path, text } of sourceFiles(EVERYTHING_ELSE)) {
    // Its tests look at what it looks at.
    if (path.startsWith("tests/ffi/")) continue;
    assert(!reachesOutside(text), path);
  }
});

Deno.test("a library that is opened in any way is noticed", () => {
  const [open, view] = ["dl" + "open", "Unsafe" + "PointerView"];
  for (
    const text of [
      `Deno.${open}("libc.so.6", {})`,
      `const { ${open} } = Deno;`,
      `const { ${open}: open } = globalThis.Deno;`,
      `Deno["${open}"]("libc.so.6", {})`,
      `new Deno.${view}(pointer)`,
    ]
  ) {
    assert(reachesOutside(text), text);
  }
  assert(!reachesOutside(`// What Deno.${open} may do.\nconst reopened = 1;`));
});

Deno.test("the program needs no module of Node", async () => {
  for await (const { path, text } of sourceFiles(["ffi", ...PROGRAM])) {
    assert(!/["']node:/.test(text), path);
  }
});

Deno.test("no any in the program, the tests or the scripts", async () => {
  for await (const { path, text } of sourceFiles(["ffi", ...EVERYTHING_ELSE])) {
    assert(!text.includes("lint-ignore no-" + "explicit-any"), path);
    assert(!/\bas any\b|: any\b|<any\b/.test(codeOf(text)), path);
  }
});

/** Regular expressions, strings and comments may speak of what code may not. */
function codeOf(text: string): string {
  return withoutComments(text)
    .replaceAll(/\/(?:\\.|[^/\n\\])+\/[a-z]*\.test/g, "")
    .replaceAll(/"(?:\\.|[^"\n\\])*"/g, '""');
}

function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, "");
}
