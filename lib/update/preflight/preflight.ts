/**
 * Looks for what would lose or refuse a VM, before anything is touched.
 *
 * To add a check, write it in the file of its subject, with `problemCheck` if it
 * lists what is wrong, and add it to `CHECKS` below. A check leaves the VM as it
 * finds it. It need not handle a query that this QEMU does not know, a command
 * line that cannot be parsed, or a file that we may not read: then it is reported
 * as skipped. Its id is part of the report and never changes.
 *
 * @module
 */

import { CmdlineError } from "../../cmdline/mod.ts";
import { QmpCommandError, QmpTimeoutError } from "../../qmp/mod.ts";
import { CommandLine } from "../command/command_line.ts";
import { RefusedError } from "../error.ts";
import { ProcessFiles } from "../../proc/process_files.ts";
import {
  blindSpots,
  commandArguments,
  descriptors,
  encoding,
  fdSets,
  newCommandLine,
} from "./arguments.ts";
import {
  newAccelerator,
  newBinary,
  newDevices,
  newMachine,
  newProgram,
} from "./new_program.ts";
import { blockGraph } from "./block_graph.ts";
import { chardevPeers, chardevs, terminals, tpmServer } from "./chardevs.ts";
import {
  type Check,
  type CheckContext,
  type Finding,
  type PreflightCheck,
  type PreflightContext,
  refuse,
  reported,
  skipped,
} from "./check.ts";
import { confinement, namespaces, sandbox } from "./confinement.ts";
import { clients, displays } from "./connections.ts";
import {
  compat,
  deviceState,
  fatalDevices,
  nvmeNamespaces,
  vfio,
} from "./device_state.ts";
import { cpus, devices, iothreads, memoryDevices, objects } from "./devices.ts";
import {
  blockExports,
  blockJobs,
  dirtyBitmaps,
  diskFiles,
  diskImages,
  imageLocks,
} from "./disks.ts";
import {
  argumentFiles,
  argumentFolders,
  firmware,
  reopening,
} from "./files.ts";
import {
  Inventory,
  UnknownQueryError,
  UnlikelyAnswerError,
} from "./inventory.ts";
import { memoryBackends, memoryRoom, tpmPage } from "./memory.ts";
import {
  blockers,
  capabilities,
  cprExec,
  migrationIdle,
  runState,
  stateRoom,
} from "./migration.ts";
import { hostForwards, netdevs } from "./network.ts";
import { libvirt, parent, processAccess, service } from "./process.ts";
import { throttling } from "./throttling.ts";
import { newOptions, wayBack } from "./trials.ts";

/** Every check, in the order in which people read them. */
const CHECKS: readonly PreflightCheck[] = [
  // The process, and both programs.
  processAccess,
  libvirt,
  service,
  cprExec,
  newBinary,
  newProgram,
  newMachine,
  newDevices,
  newAccelerator,
  newOptions,
  wayBack,
  compat,
  deviceState,
  sandbox,
  confinement,
  namespaces,
  parent,
  // The VM can be migrated at all.
  runState,
  migrationIdle,
  capabilities,
  stateRoom,
  memoryRoom,
  memoryBackends,
  tpmPage,
  nvmeNamespaces,
  fatalDevices,
  vfio,
  blockers,
  // The command line can be used again.
  encoding,
  newCommandLine,
  commandArguments,
  argumentFiles,
  argumentFolders,
  firmware,
  reopening,
  descriptors,
  fdSets,
  chardevPeers,
  terminals,
  tpmServer,
  // The VM is the one that its command line makes.
  compared(diskImages),
  compared(blockGraph),
  diskFiles,
  imageLocks,
  blockJobs,
  blockExports,
  dirtyBitmaps,
  compared(throttling),
  compared(devices),
  compared(cpus),
  compared(memoryDevices),
  compared(objects),
  compared(iothreads),
  compared(netdevs),
  compared(hostForwards),
  compared(chardevs),
  compared(displays),
  clients,
  blindSpots,
];

/**
 * A check that compares the VM with its command line. With -readconfig, which
 * the check "arguments" refuses, part of the VM comes from a file.
 */
function compared({ id, run }: PreflightCheck): PreflightCheck {
  return {
    id,
    run: (context) =>
      context.running.has("readconfig")
        ? skipped("the file of -readconfig is not read")
        : run(context),
  };
}

/** Runs every check, even after one that refuses: all reasons are reported. */
export async function preflight(context: PreflightContext): Promise<Check[]> {
  const { client, command, facts } = context;
  const full: CheckContext = {
    ...context,
    inventory: new Inventory(client),
    files: new ProcessFiles(facts.pid),
    running: CommandLine.parse(facts.program, facts.argv),
    next: CommandLine.parse(facts.program, command.argv),
  };
  const checks: Check[] = [];
  for (const check of CHECKS) {
    checks.push(reported(check.id, await runCheck(check, full)));
  }
  return checks;
}

/** What QEMU does not tell, or what we may not see, cannot be checked. */
async function runCheck(
  check: PreflightCheck,
  context: CheckContext,
): Promise<Finding> {
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
