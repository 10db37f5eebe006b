/**
 * Looks for what would lose or refuse a VM, before anything is touched.
 *
 * To add a check, write it in the file of its subject, with `problemCheck` if
 * it lists what is wrong, and add it to `CHECKS` below. A check leaves the VM
 * as it finds it. It need not handle a query that this QEMU does not know, a
 * command line that cannot be parsed, or a file that we may not read: then it
 * is reported as skipped. Its id is part of the report and never changes.
 *
 * @module
 */

import { CmdlineError } from "../../cmdline/mod.ts";
import { QmpCommandError, QmpTimeoutError } from "../../qmp/mod.ts";
import type { Deadline } from "../deadline.ts";
import { CommandLine } from "../command/command_line.ts";
import type { Mode } from "../phase.ts";
import { RefusedError } from "../error.ts";
import { ProcessFiles } from "../../proc/process_files.ts";
import { blockGraph } from "./block_graph.ts";
import {
  type Check,
  type CheckContext,
  type CheckObserver,
  type Finding,
  type Prediction,
  type PreflightCheck,
  type PreflightContext,
  refuse,
  reported,
  skipped,
} from "./check.ts";
import {
  Inventory,
  UnknownQueryError,
  UnlikelyAnswerError,
} from "../vm/inventory.ts";
import * as words from "./arguments.ts";
import { carriedOver } from "./carried.ts";
import * as newProgram from "./new_program.ts";
import * as chardevs from "./chardevs.ts";
import * as connections from "./connections.ts";
import * as deviceState from "./device_state.ts";
import * as devices from "./devices.ts";
import * as disks from "./disks.ts";
import { downtime } from "./downtime.ts";
import * as files from "./files.ts";
import * as migration from "./migration.ts";
import { HAND_OVER } from "./hand_over.ts";
import * as network from "./network.ts";
import * as vmProcess from "./process.ts";
import * as trials from "./trials.ts";
import { throttling } from "./throttling.ts";

/** Every check, in the order in which people read them. */
const CHECKS: readonly PreflightCheck[] = [
  // The process, and both programs.
  vmProcess.processAccess,
  vmProcess.libvirt,
  vmProcess.service,
  migration.cprExec,
  newProgram.newBinary,
  newProgram.newProgram,
  newProgram.newMachine,
  newProgram.newDevices,
  newProgram.newAccelerator,
  trials.newOptions,
  trials.wayBack,
  deviceState.compat,
  deviceState.deviceState,
  vmProcess.sandbox,
  vmProcess.confinement,
  vmProcess.namespaces,
  vmProcess.parent,
  // The VM can be migrated at all.
  migration.runState,
  migration.migrationIdle,
  migration.capabilities,
  migration.stateRoom,
  migration.memoryRoom,
  migration.memoryBackends,
  migration.tpmPage,
  deviceState.nvmeNamespaces,
  deviceState.fatalDevices,
  deviceState.vfio,
  migration.blockers,
  // The command line can be used again.
  words.encoding,
  words.newCommandLine,
  words.commandArguments,
  files.argumentFiles,
  files.argumentFolders,
  files.firmware,
  files.reopening,
  words.descriptors,
  words.fdSets,
  chardevs.chardevPeers,
  chardevs.terminals,
  chardevs.tpmServer,
  // The VM is the one that its command line makes, with what is carried over.
  carriedOver,
  disks.diskImages,
  blockGraph,
  disks.diskFiles,
  disks.imageLocks,
  disks.blockJobs,
  disks.concludedBlockJobs,
  disks.blockExports,
  disks.dirtyBitmaps,
  throttling,
  devices.devices,
  devices.cpus,
  devices.memoryDevices,
  devices.objects,
  devices.iothreads,
  network.netdevs,
  network.hostForwards,
  chardevs.chardevs,
  connections.displays,
  connections.clients,
  downtime,
  words.blindSpots,
];

/** The checks of each way to move a VM. */
const CHECKS_BY: Readonly<Record<Mode, readonly PreflightCheck[]>> = {
  "cpr-exec": CHECKS,
  "cpr-transfer": [...CHECKS, ...HAND_OVER],
  "live": [
    ...CHECKS.filter((it) => it !== migration.cprExec).map((it) =>
      it === migration.memoryBackends ? migration.copiedRam : it
    ),
    ...[migration.copyRoom, ...HAND_OVER],
  ],
};

/** What all checks found. */
export interface Findings extends Readonly<Prediction> {
  readonly checks: Check[];
}

/**
 * Runs every check, even after one that refuses: all reasons are reported.
 *
 * @param observer called before each check
 * @param deadline of all of them together
 */
export async function preflight(
  context: PreflightContext,
  observer?: CheckObserver,
  deadline?: Deadline,
): Promise<Findings> {
  const predicted: Prediction = { downtimeMs: null };
  const { carried, client, command, facts } = context;
  const full: CheckContext = {
    ...context,
    inventory: new Inventory(client),
    files: new ProcessFiles(facts.pid),
    running: CommandLine.parse(facts.program, carried.argv, facts.options),
    next: CommandLine.parse(facts.program, command.argv, facts.options),
    predicted,
  };
  const all = CHECKS_BY[context.mode];
  const checks: Check[] = [];
  for (const check of all) {
    const [done, total] = [checks.length, all.length];
    observer?.({ id: check.id, number: done + 1, total });
    checks.push(reported(check.id, await runCheck(check, full, deadline)));
  }
  return { checks, ...predicted };
}

const NO_TIME = skipped("there was no time left for it");

/** What QEMU does not report, or cprctl may not see, cannot be checked. */
async function runCheck(
  check: PreflightCheck,
  context: CheckContext,
  deadline?: Deadline,
): Promise<Finding> {
  const isLate = () => deadline?.left() === 0;
  if (isLate()) return NO_TIME;
  try {
    return await check.run(context);
  } catch (error) {
    if (
      error instanceof QmpCommandError || error instanceof UnknownQueryError ||
      error instanceof CmdlineError ||
      error instanceof Deno.errors.PermissionDenied
    ) {
      return skipped(`cannot be checked: ${error.message}`);
    }
    // Earlier checks may have used up the time: not this one's fault.
    if (error instanceof QmpTimeoutError && isLate()) return NO_TIME;
    if (
      error instanceof QmpTimeoutError || error instanceof UnlikelyAnswerError
    ) {
      return refuse(
        error.message,
        "Look at the VM: its monitor does not answer as QEMU does",
      );
    }
    throw error;
  }
}

/**
 * Ends an update that a check refuses.
 *
 * @throws {RefusedError} naming every reason
 */
export function requireNoRefusal(checks: readonly Check[]): void {
  const refusals = checks.filter(({ verdict }) => verdict === "refuse");
  const [first] = refusals;
  if (first === undefined) return;
  throw new RefusedError(
    first.id,
    refusals.map(({ detail }) => detail).join("; "),
    { remedy: first.remedy ?? undefined },
  );
}
