/** Compares two programs and prints the result. */

import { UsageError } from "../../errors.ts";
import {
  type Compared,
  compareDumps,
  compatDocument,
  loadDump,
  type NamedVm,
  type Verdict,
  verdictOf,
  vmOfMonitor,
  vmOfStream,
} from "../../inspect/compat/mod.ts";
import type { QmpAddress } from "../../qmp/mod.ts";
import type { CliProcess } from "../process.ts";
import { renderCompat } from "../terminal/compat.ts";
import { jsonText } from "../../inert.ts";

/** The options of `cprctl compat`. */
export interface CompatFlags {
  readonly machine: string | undefined;
  readonly stream: string | undefined;
  readonly qmp: QmpAddress | undefined;
  readonly json: boolean;
}

/** As for diff(1); a warning counts as a difference. */
const EXIT_CODES: Readonly<Record<Verdict, number>> = {
  compatible: 0,
  doubtful: 1,
  refused: 3,
};

/**
 * Prints the state of an old program that a new one would not load.
 *
 * @throws {UsageError} when two VMs are given
 */
export async function presentCompat(
  process: CliProcess,
  flags: CompatFlags,
  old: string,
  next: string,
): Promise<void> {
  const vm = await namedVm(flags);
  const machine = flags.machine ?? vm?.machine;
  const [before, after] = await Promise.all([
    loadDump(old, { machine }),
    loadDump(next, { machine }),
  ]);
  const compatibility = compareDumps(before, after, vm?.inUse);
  const compared: Compared = { old, new: next, machine };
  if (flags.json) {
    const document = compatDocument(compared, compatibility);
    process.stdout.write(jsonText(document));
  } else {
    const text = renderCompat(compared, compatibility, process.look);
    process.stdout.write(text);
  }
  process.exitCode = EXIT_CODES[verdictOf(compatibility)];
}

async function namedVm(
  { stream, qmp }: CompatFlags,
): Promise<NamedVm | undefined> {
  if (stream !== undefined && qmp !== undefined) {
    throw new UsageError("Cannot combine --stream and --qmp", {
      remedy: "Name the VM by one of them",
    });
  }
  if (stream !== undefined) return await vmOfStream(stream);
  return qmp === undefined ? undefined : await vmOfMonitor(qmp);
}
