/**
 * Builds the one file, and runs every test that goes through the program with
 * it instead of the source: tests find it in CPRCTL.
 *
 * @module
 */

import { taskOptions } from "./options.ts";

const ROOT = new URL("../", import.meta.url).pathname;
const FILE = `${ROOT}dist/cprctl`;

/** Those that need nothing but this checkout. */
const SHORT = [
  "tests/cli/program_test.ts",
  "tests/machine/e2e",
  "tests/update/standby/standby_test.ts",
];

/** Those that need QEMU or Ansible. */
const LONG = [
  "tests/qemu",
  "tests/transfer",
  "tests/changes",
  "tests/attack",
  "tests/faults/qemu/short_test.ts",
  "tests/libvirt",
  "tests/ansible",
];

const HELP = `\
Test the one file: build it, and run the end-to-end tests with it.

Usage: deno task test:file [--short]

  --short   leave out what needs QEMU or Ansible
`;

/** Runs deno; ends with its exit code if that is not 0. */
async function deno(
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<void> {
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: ROOT,
    env,
    stdin: "null",
    stdout: "inherit",
    stderr: "inherit",
  }).output();
  if (code !== 0) Deno.exit(code);
}

const short = taskOptions(HELP, { switches: ["short"] }).switches.has("short");
await deno(["run", "--allow-all", "scripts/compile.ts"]);
if (!short) await deno(["run", "--allow-all", "scripts/get_qemu.ts"]);
console.log(`Test ${FILE}`);
await deno(
  ["test", "--allow-all", ...SHORT, ...short ? [] : LONG],
  { CPRCTL: FILE },
);
