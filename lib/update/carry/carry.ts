/**
 * Carries over what was changed in a VM at run time, so that the next program
 * has the same VM: by arguments where they can say it, else by commands that
 * are sent before the state is loaded. Whatever is left is refused by the check
 * of its kind, which compares the VM with the command line that is made here.
 *
 * @module
 */

import { CmdlineError } from "../../cmdline/mod.ts";
import { type Executor, QmpCommandError } from "../../qmp/mod.ts";
import { CommandLine, firstOption } from "../command/command_line.ts";
import { CommandDraft, type LiveProcess } from "../command/draft.ts";
import type { Facts } from "../vm/facts.ts";
import { Inventory, UnlikelyAnswerError } from "../vm/inventory.ts";
import { carryBackEnds } from "./back_ends.ts";
import { carryBlocks } from "./blocks.ts";
import { type Carried, nothingCarried } from "./carried.ts";
import { carryDescriptorSets } from "./descriptor_sets.ts";
import { carryDevices } from "./devices.ts";
import { carryLimits } from "./limits.ts";
import { CarryWork, isWord } from "./work.ts";

/**
 * No real VM has more; the time grows with this times the number of objects.
 */
const MAX_ARGUMENTS = 2048;

/** Compares the VM with its command line, and brings that up to date. */
export async function carryOver(
  client: Executor,
  { argv, program, options }: Pick<Facts, "argv" | "program" | "options">,
  live: LiveProcess,
): Promise<Carried> {
  if (program !== "QEMU") return nothingCarried(argv);
  const first = firstOption(program, argv);
  try {
    const running = CommandLine.parse(program, argv, options);
    const draft = new CommandDraft(argv.slice(first), options);
    if (draft.arguments.length > MAX_ARGUMENTS) return nothingCarried(argv);
    const work = new CarryWork(draft, new Inventory(client), live);
    await carryDescriptorSets(work);
    await carryBackEnds(work);
    const nodes = await carryBlocks(work);
    await carryDevices(work, nodes);
    await carryLimits(work, running);
    if (!draft.words.every(isWord)) return nothingCarried(argv);
    const { commands, devices, obstacles, unknown } = work;
    return {
      argv: [...argv.slice(0, first), ...draft.words],
      changes: draft.changes,
      ...{ commands, devices, nodes, obstacles, unknown },
    };
  } catch (error) {
    // The checks run into the same error, and report it.
    if (
      error instanceof CmdlineError || error instanceof QmpCommandError ||
      error instanceof UnlikelyAnswerError
    ) return nothingCarried(argv);
    throw error;
  }
}
