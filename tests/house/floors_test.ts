import { assert, assertEquals } from "@std/assert";
import { sourceFiles } from "./source_files.ts";

/** The house from the ground up; a room may import itself and lower floors. */
const FLOORS: readonly (readonly string[])[] = [
  [
    "ffi",
    "lib/errors.ts",
    "lib/foreign_json.ts",
    "lib/glob.ts",
    "lib/gone.ts",
    "lib/inert.ts",
    "lib/path.ts",
    "lib/sleep.ts",
    "lib/version.ts",
    "std",
  ],
  ["lib/bounded_file.ts", "lib/brief_run.ts", "lib/stream", "lib/cmdline"],
  ["lib/proc", "lib/vmstate"],
  ["lib/channel", "lib/qmp"],
  ["lib/cpr"],
  ["lib/migration"],
  ["lib/inspect"],
  ["lib/update", "lib/machine"],
  ["lib/cli"],
  ["main.ts"],
  ["testing"],
  ["scripts"],
  ["tests"],
];

/** What is not ffi, which has rights of its own. */
const PROGRAM = ["lib", "main.ts"];
const EVERYTHING_ELSE = [...PROGRAM, "testing", "scripts", "tests"];

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
  for await (const { path, text } of sourceFiles(["ffi", ...EVERYTHING_ELSE])) {
    assertEquals(upwardImports(path, text), [], `${path} imports upward`);
  }
});

Deno.test("an upward import is noticed", () => {
  const text = `export type { X } from "../update/report/report.ts";`;
  assertEquals(upwardImports("lib/cpr/state.ts", text), [
    "lib/update/report/report.ts",
  ]);
  assertEquals(upwardImports("lib/machine/board.ts", text), [
    "lib/update/report/report.ts",
  ]);
  assertEquals(upwardImports("lib/cli/update.ts", text), []);
  const harness = `import { y } from "../tests/cli/y.ts";`;
  assertEquals(upwardImports("testing/x.ts", harness), ["tests/cli/y.ts"]);
  assertEquals(upwardImports("scripts/x.ts", harness), ["tests/cli/y.ts"]);
});

/** Who imports whom. */
type Imports = Map<string, Set<string>>;

/** Rooms that import each other, by whatever way round; none if there are none. */
function circle(imports: Imports): string[] {
  const done = new Set<string>();
  const way: string[] = [];
  const follow = (room: string): string[] => {
    if (way.includes(room)) return [...way.slice(way.indexOf(room)), room];
    if (done.has(room)) return [];
    way.push(room);
    for (const target of imports.get(room) ?? []) {
      const found = follow(target);
      if (found.length > 0) return found;
    }
    way.pop();
    done.add(room);
    return [];
  };
  for (const room of imports.keys()) {
    const found = follow(room);
    if (found.length > 0) return found;
  }
  return [];
}

/** Notes an import for the folder that both are in, between what they are of it. */
function note(houses: Map<string, Imports>, from: string, to: string): void {
  const [here, there] = [from.split("/"), to.split("/")];
  const depth = here.findIndex((name, index) => name !== there[index]);
  if (depth < 0) return;
  const folder = here.slice(0, depth).join("/");
  const imports = houses.get(folder) ?? new Map<string, Set<string>>();
  houses.set(folder, imports);
  const room = here[depth] ?? "";
  imports.set(room, (imports.get(room) ?? new Set()).add(there[depth] ?? ""));
}

Deno.test("neither files nor folders import each other in a circle", async () => {
  const houses = new Map<string, Imports>();
  for await (const { path, text } of sourceFiles(["ffi", ...PROGRAM])) {
    for (const target of localImports(path, withoutComments(text))) {
      note(houses, path, target);
    }
  }
  for (const [folder, imports] of houses) {
    assertEquals(circle(imports), [], `In ${folder}`);
  }
});

Deno.test("a circle is noticed", () => {
  const houses = new Map<string, Imports>();
  note(houses, "lib/a/x.ts", "lib/b/y.ts");
  note(houses, "lib/b/y.ts", "lib/b/z.ts");
  note(houses, "lib/b/z.ts", "lib/c.ts");
  const imports = houses.get("lib") ?? new Map();
  assertEquals(circle(imports), []);
  note(houses, "lib/c.ts", "lib/b/deep/w.ts");
  assertEquals(circle(imports), ["b", "c.ts", "b"]);
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

Deno.test("the program loads no module of Node at its start", async () => {
  for await (const { path, text } of sourceFiles(["ffi", ...PROGRAM])) {
    assert(!/(?:from|^import) ["']node:/m.test(text), path);
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
