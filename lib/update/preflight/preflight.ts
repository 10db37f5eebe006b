import { CmdlineError } from "../../cmdline/mod.ts";
import { QmpCommandError, QmpTimeoutError } from "../../qmp/mod.ts";
import { RefusedError } from "../error.ts";
import type { Check } from "../report/report.ts";
import { argumentFiles } from "./argument_files.ts";
import { argumentFolders } from "./argument_folders.ts";
import { commandArguments } from "./arguments.ts";
import { newBinary } from "./binary.ts";
import { blindSpots } from "./blind_spots.ts";
import { blockExports } from "./block_exports.ts";
import { blockJobs } from "./block_jobs.ts";
import { blockNodes } from "./block_nodes.ts";
import { blockers, cprExec } from "./blockers.ts";
import { capabilities } from "./capabilities.ts";
import { chardevPeers } from "./chardev_peers.ts";
import { chardevs } from "./chardevs.ts";
import {
  type CheckContext,
  type Finding,
  type PreflightCheck,
  type PreflightContext,
  refuse,
  reported,
  skipped,
} from "./check.ts";
import { CommandLine } from "./command_line.ts";
import { compat } from "./compat.ts";
import { confinement } from "./confinement.ts";
import { cpus } from "./cpus.ts";
import { descriptors } from "./descriptors.ts";
import { devices } from "./devices.ts";
import { dirtyBitmaps } from "./dirty_bitmaps.ts";
import { diskFiles } from "./disk_files.ts";
import { diskImages } from "./disk_images.ts";
import { displays } from "./displays.ts";
import { encoding } from "./encoding.ts";
import { fdSets } from "./fd_sets.ts";
import { firmware } from "./firmware.ts";
import { hostForwards } from "./host_forwards.ts";
import { imageLocks } from "./image_locks.ts";
import {
  Inventory,
  UnknownQueryError,
  UnlikelyAnswerError,
} from "./inventory.ts";
import { iothreads } from "./iothreads.ts";
import { libvirt } from "./libvirt.ts";
import { memoryBackends } from "./memory_backends.ts";
import { memoryDevices } from "./memory_devices.ts";
import { migrationIdle } from "./migration_idle.ts";
import { namespaces } from "./namespaces.ts";
import { netdevs } from "./netdevs.ts";
import { newCommandLine } from "./new_command.ts";
import {
  newAccelerator,
  newDevices,
  newMachine,
  newProgram,
} from "./new_program.ts";
import { objects } from "./objects.ts";
import { parent } from "./parent.ts";
import { processAccess } from "./process_access.ts";
import { ProcessFiles } from "../process/files.ts";
import { reopening } from "./reopening.ts";
import { runState } from "./run_state.ts";
import { sandbox } from "./sandbox.ts";
import { service } from "./service.ts";
import { stateRoom } from "./state_room.ts";
import { throttling } from "./throttling.ts";
import { vfio } from "./vfio.ts";

/** Every check, in the order in which people read them. */
const CHECKS: readonly PreflightCheck[] = [
  // The programs, old and new.
  processAccess,
  libvirt,
  service,
  cprExec,
  newBinary,
  newProgram,
  newMachine,
  newDevices,
  newAccelerator,
  compat,
  sandbox,
  confinement,
  namespaces,
  parent,
  // The VM can be moved at all.
  runState,
  migrationIdle,
  capabilities,
  stateRoom,
  memoryBackends,
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
  // The VM is the one that its command line makes.
  diskImages,
  blockNodes,
  diskFiles,
  imageLocks,
  blockJobs,
  blockExports,
  dirtyBitmaps,
  throttling,
  devices,
  cpus,
  memoryDevices,
  objects,
  iothreads,
  netdevs,
  hostForwards,
  chardevs,
  displays,
  blindSpots,
];

const LOOK = "Look at the VM: its monitor does not answer as QEMU does";

/** Runs every check, also after one that refuses: all reasons count. */
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
    checks.push(reported(check.id, await find(check, full)));
  }
  return checks;
}

/** What this QEMU does not tell, or we may not see, cannot be checked. */
async function find(
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
    ) return refuse(error.message, LOOK);
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
    first.remedy === null ? {} : { remedy: first.remedy },
  );
}
