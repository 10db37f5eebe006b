/**
 * The options that a VM's program knows. Distributions patch QEMU: Proxmox's
 * has -id and -loadstate. Whether such an option takes a value is told by the
 * running program's -help.
 *
 * @module
 */

import { runBriefly } from "../../brief_run.ts";
import {
  optionsInHelp,
  type OptionTable,
  parseArguments,
  QEMU_OPTIONS,
  UnknownOptionError,
} from "../../cmdline/mod.ts";
import { RunDirectory } from "../run/directory.ts";
import type { Sandbox } from "../standby/sandbox.ts";
import type { Facts } from "../vm/facts.ts";

/** The help of QEMU has 60 kB. */
const MAX_HELP = 1024 * 1024;

/**
 * The options with which the VM's command line is read. Its program is only
 * asked where QEMU's own options are not enough, and lists none if nothing can
 * be run in the VM's confinement.
 */
export async function knownOptions(
  facts: Facts,
  sandbox: Sandbox | undefined,
): Promise<OptionTable> {
  if (facts.program !== "QEMU" || !hasUnknown(facts.argv)) return QEMU_OPTIONS;
  const help = await helpOf(facts, sandbox);
  return new Map([...optionsInHelp(help), ...QEMU_OPTIONS]);
}

function hasUnknown([, ...words]: readonly string[]): boolean {
  try {
    parseArguments(words);
    return false;
  } catch (error) {
    return error instanceof UnknownOptionError;
  }
}

/** What the running program prints; empty if it cannot be run. */
async function helpOf(
  facts: Facts,
  sandbox: Sandbox | undefined,
): Promise<string> {
  const what = {
    args: ["-help"],
    output: "stdout",
    maximum: MAX_HELP,
  } as const;
  if (Deno.uid() !== 0) {
    return (await runBriefly(`/proc/${facts.pid}/exe`, what)).text;
  }
  if (sandbox === undefined) return "";
  await using directory = await RunDirectory.create(facts);
  const moduleFolder = directory.path;
  const { text } = await runBriefly(facts.executable.path, {
    ...what,
    start: (start) => sandbox.start({ ...start, moduleFolder }),
  });
  return text;
}
