/** What a start of the built program reads. */

import { assert, assertEquals } from "@std/assert";
import { bundle } from "../../scripts/compile/bundle.ts";
import { start } from "../../scripts/compile/start.ts";
import { data } from "../../testing/data/data.ts";
import { runProgram } from "../../testing/program/run.ts";

let folder = "";
let names: readonly string[] = [];

Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir({ prefix: "cprctl-test-" });
  names = await bundle(folder, null);
  await Deno.symlink(Deno.execPath(), `${folder}/deno`);
});

Deno.test.afterAll(async () => {
  await Deno.remove(folder, { recursive: true });
});

/** The bundle's files that Deno reads, as it says itself. */
async function filesReadBy(...words: string[]): Promise<string[]> {
  const { START } = await start();
  const script = `cprctl_home=$0\n${START}`;
  const { code, stderr } = await runProgram(
    ["/bin/sh", "-c", script, folder, ...words],
    { env: { DENO_LOG: "debug", DENO_DIR: "/dev/null" } },
  );
  assertEquals(code, 0, stderr);
  const read = stderr.matchAll(/specifier: file:\/\/.*\/([^/\s]+\.js)$/gm);
  return [...new Set([...read].map(([, name = ""]) => name))].sort();
}

/** The source files in what a start reads: of the repository, and of packages. */
async function sourcesReadBy(...words: string[]): Promise<string[]> {
  const sources: string[] = [];
  for (const name of await filesReadBy(...words)) {
    const text = await Deno.readTextFile(`${folder}/${name}`);
    for (const [, path = ""] of text.matchAll(/^\/\/ (\S+\.[mj]?[jt]s)$/gm)) {
      const [, inPackage] = /\/npm\/[^/]+\/(.+)/.exec(path) ?? [];
      sources.push(inPackage?.replace(/\/[\d.]+\/.*/, "") ?? path);
    }
  }
  return [...new Set(sources)].sort();
}

/** What every command needs: to print, to parse, to fail. */
const COMMON = [
  "@stricli/core",
  "ffi/errno.ts",
  "ffi/fd.ts",
  "ffi/file_status.ts",
  "ffi/libc.ts",
  "ffi/memory.ts",
  "ffi/nonblocking_writer.ts",
  "ffi/open_flags.ts",
  "ffi/poll.ts",
  "lib/cli/build.ts",
  "lib/cli/command.ts",
  "lib/cli/completion_scripts.ts",
  "lib/cli/dispatch.ts",
  "lib/cli/engine.ts",
  "lib/cli/options/shared.ts",
  "lib/cli/process.ts",
  "lib/cli/program.ts",
  "lib/cli/run.ts",
  "lib/cli/self.ts",
  "lib/cli/stricli.ts",
  "lib/cli/wording/errors.ts",
  "lib/cmdline/redact.ts",
  "lib/errors.ts",
  "lib/gone.ts",
  "lib/inert.ts",
  "lib/path.ts",
  "lib/update/report/sealed.ts",
  "lib/update/standby/words.ts",
  "lib/version.ts",
  "main.ts",
];

Deno.test("version reads its own command and what all have in common", async () => {
  const expected = [...COMMON, "lib/cli/commands/version.ts"].sort();
  assertEquals(await sourcesReadBy("version"), expected);
});

Deno.test("list reads nothing that updates, inspects or is a machine", async () => {
  const strange = (await sourcesReadBy("list", "--no-qmp")).filter((path) =>
    /^lib\/(?:machine|migration|inspect|vmstate|cpr|channel)\//.test(path) ||
    /^lib\/cli\/(?:html|files|completions)\//.test(path) ||
    /^lib\/update\/(?:all|phases|preflight|recover|standby\/(?!words)|transaction)\//
      .test(path) ||
    path === "@valibot/to-json-schema"
  );
  assertEquals(strange, []);
});

Deno.test("inspect reads no more than shows a stream", async () => {
  const state = `${folder}/state`;
  await Deno.writeFile(state, await data("cpr-exec-q35-plain.vm.state"));
  const strange = (await sourcesReadBy("inspect", state)).filter((path) =>
    /^lib\/inspect\/(?:compat|diff|extract|find|set|verify)/
      .test(path) ||
    /^lib\/migration\/(?!stream\/)/.test(path) ||
    /^lib\/migration\/stream\/(?:encode|loader|ram_load|writer)/.test(path) ||
    /^lib\/cpr\/(?!state)/.test(path) ||
    /^lib\/cli\/(?:html|files)\//.test(path)
  );
  assertEquals(strange, []);
});

Deno.test("exec, in a guest's downtime, reads no command line of cprctl's", async () => {
  const sources = await sourcesReadBy("exec", "--help");
  assert(sources.includes("lib/cpr/exec_wrapper.ts"), `${sources}`);
  const strange = sources.filter((path) =>
    path.startsWith("@") || path.startsWith("lib/update/") &&
      path !== "lib/update/standby/words.ts"
  );
  assertEquals(strange, []);
});

Deno.test("what changes a VM reads all of it before it begins", async () => {
  for (const command of ["update", "recover", "demo"]) {
    assertEquals(await filesReadBy(command, "--help"), names, command);
  }
});
