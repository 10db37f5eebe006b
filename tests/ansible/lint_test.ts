/** What Ansible's own tools say of the collection. */

import { assertEquals } from "@std/assert";
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

Deno.test("ansible-lint has nothing to say but what a release will settle", {
  ignore: !exists("/usr/bin/ansible-lint"),
}, async () => {
  await inCopy(async (cwd, env) => {
    const { stdout } = await runProgram(
      ["ansible-lint", ..."--offline --profile production -p -q".split(" ")],
      { cwd, env },
    );
    // The address of the repository, and a version from 1.0.0 on.
    assertEquals(
      stdout.split("\n").filter((line) => line !== "")
        .map((line) => line.replace(/:\d+: .*/, "")),
      ["galaxy.yml", "galaxy.yml"],
      stdout,
    );
  });
});

Deno.test("ansible-test finds nothing in what it checks without a network", {
  ignore: !exists("/usr/bin/ansible-test"),
}, async () => {
  await inCopy(async (cwd, env) => {
    const tests = [
      "action-plugin-docs",
      "ansible-doc",
      "compile",
      "ignores",
      "no-illegal-filenames",
      "no-smart-quotes",
      "shebang",
      "symlinks",
    ];
    const { code, stdout, stderr } = await runProgram([
      ...["ansible-test", "sanity", "--color", "no"] as const,
      ...tests.flatMap((name) => ["--test", name]),
    ], { cwd, env });
    assertEquals(code, 0, stdout + stderr);
  });
});
