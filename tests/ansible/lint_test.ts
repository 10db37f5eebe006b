/** What Ansible's own tools say of the collection. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { exists } from "../../testing/program/exists.ts";
import { runProgram } from "../../testing/program/run.ts";

const COLLECTION = new URL("../../scripts/ansible", import.meta.url).pathname;

/** A copy where the tools look for it: they want a repository of its own. */
async function inCopy(
  use: (folder: string, env: Record<string, string>) => Promise<void>,
): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "cprctl-lint-" });
  try {
    const folder = `${root}/ansible_collections/cprctl/qemu`;
    const script = 'mkdir -p "$1" && cp -r "$0/." "$1" && cd "$1" && ' +
      "git init --quiet . && git add --all";
    const made = await runProgram(
      ["/bin/sh", "-c", script, COLLECTION, folder],
    );
    assertEquals(made.code, 0, made.stderr);
    await use(folder, {
      ANSIBLE_COLLECTIONS_PATH: root,
      HOME: root,
      LC_ALL: "C.UTF-8",
    });
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

Deno.test("ansible-lint finds, as for production, what its file skips", {
  ignore: !exists("/usr/bin/ansible-lint"),
}, async () => {
  await inCopy(async (cwd, env) => {
    const file = `${cwd}/.ansible-lint`;
    const [settings = "", skipped = ""] = (await Deno.readTextFile(file))
      .split("skip_list:\n");
    await Deno.writeTextFile(file, settings);
    const { stdout } = await runProgram(["ansible-lint", "-p", "-q"], {
      cwd,
      env,
    });
    const rules = [...skipped.matchAll(/^ {2}- (.*)$/gm)].map(([, it]) =>
      `galaxy.yml ${it}`
    );
    assertEquals(
      stdout.trimEnd().split("\n").map((it) => it.replace(/:\d+:/, "")).sort(),
      rules,
    );
  });
});

/** Those that install packages of Python's first. */
const WITH_PIP =
  "changelog import pylint runtime-metadata validate-modules yamllint"
    .split(" ");
const YAMLLINT = "/usr/lib/python3/dist-packages/ansible_test/_util/" +
  "controller/sanity/yamllint/config/default.yml";

Deno.test("ansible-test finds nothing in all that it checks without pip", {
  ignore: !exists("/usr/bin/ansible-test"),
}, async () => {
  await inCopy(async (cwd, env) => {
    const { code, stdout, stderr } = await runProgram([
      ...["ansible-test", "sanity", "--color", "no"] as const,
      ...WITH_PIP.flatMap((name) => ["--skip-test", name]),
    ], { cwd, env });
    assertEquals(code, 0, stdout + stderr);
    assertStringIncludes(stdout + stderr, 'Running sanity test "shebang"');
  });
});

Deno.test("yamllint finds nothing, configured as ansible-test has it", {
  ignore: !exists("/usr/bin/yamllint") || !exists(YAMLLINT),
}, async () => {
  await inCopy(async (cwd, env) => {
    const { code, stdout } = await runProgram(
      ["yamllint", "--strict", "--config-file", YAMLLINT, "."],
      { cwd, env },
    );
    assertEquals([code, stdout], [0, ""]);
  });
});

Deno.test("the table of the role's variables has each, and its default", () => {
  const read = (path: string) => Deno.readTextFileSync(`${COLLECTION}/${path}`);
  const spec = read("roles/cprctl/meta/argument_specs.yml");
  const inSpec = [...spec.matchAll(/^ {6}(cprctl_\w+):\n((?: {8}.*\n)+)/gm)]
    .map(([, name, body = ""]) => [
      name,
      /required: true/.test(body)
        ? "required"
        : /default: (.*)/.exec(body)?.[1],
    ]);
  const [, table = ""] = read("README.md").split("| variable of the role ");
  const inTable = [
    ...(table.split("\n\n")[0] ?? "").matchAll(
      /^\| `(\w+)` *\| `?([^` |]+)/gm,
    ),
  ].map(([, name, value]) => [name, value]);
  assertEquals(inTable.sort(), inSpec.sort());
  const defaults = [
    ...read("roles/cprctl/defaults/main.yml").matchAll(/^(cprctl_\w+): (.*)/gm),
  ].map(([, name, value]) => [name, value]);
  assertEquals(
    defaults.sort(),
    inSpec.filter(([, value]) => value !== "required"),
  );
});
