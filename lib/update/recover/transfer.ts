/**
 * Completes an update by cpr-transfer whose cprctl was killed. Two processes
 * may have the VM; the note `resumed` says whether the new one may have run it:
 *
 * ```
 * resumed  the old process  the new process        what is done
 * no       runs             killed, if it runs     the old one resumes
 * no       has ended        has the VM, paused     the new one resumes
 * no       has ended        does not have it       needs person
 * yes      killed           answers                the new one resumes
 * yes                       does not, or ended     needs person
 * ```
 *
 * @module
 */

import { PidFd } from "../../../ffi/process.ts";
import { ifThereSync } from "../../gone.ts";
import { messageOf } from "../../errors.ts";
import { QmpClient, QmpError } from "../../qmp/mod.ts";
import { queryStatus } from "../../qmp/queries.ts";
import { openNamed } from "../../proc/process_name.ts";
import { type HandOver, pathsOf } from "../command/transfer_command.ts";
import {
  CONNECT_TIMEOUT_MS,
  Deadline,
  RESUME_TIMEOUT_MS,
  SETTLE_TIMEOUT_MS,
} from "../deadline.ts";
import { NeedsPersonError } from "../error.ts";
import { killProcess, stopProcess } from "../process/ending.ts";
import { isOwnedBy } from "../process/identity.ts";
import type { RunDirectory } from "../run/directory.ts";
import {
  forgetResumption,
  type Journal,
  mayHaveResumed,
  noteResumption,
  readStandbys,
} from "../run/journal.ts";
import { Destination } from "../transaction/destination.ts";
import { closeFillers } from "../transfer/closed_descriptors.ts";
import { goOn } from "../transfer/go_on.ts";
import { moveFiles, reconnect, removeFiles } from "../transfer/host.ts";
import { versionText, type VmRecord } from "../vm/facts.ts";
import { notLocked } from "../vm/images.ts";
import { isLive, isReachedByGuest, stoppedPhrase } from "../vm/run_state.ts";
import { MigrationSettings } from "../vm/settings.ts";
import { type Recovery, stranger } from "./recovery.ts";

/** Completes it. */
export async function recoverTransfer(
  directory: RunDirectory,
  journal: Journal,
  handOver: HandOver,
): Promise<Recovery> {
  const { vm } = journal;
  using stack = new DisposableStack();
  const source = stack.use(await openNamed(vm));
  const standby = readStandbys(directory).at(-1);
  const next = stack.use(standby && await openNamed(standby));
  if (mayHaveResumed(directory)) {
    if (next === undefined) throw mayHaveRun(vm, source);
    return await rollForward(directory, journal, handOver, source, next);
  }
  // A source that was just killed takes a while to end. It would be taken for
  // alive, and the new process ended because of it: so see whether it stops.
  if (source !== undefined && await stopProcess(source)) {
    if (next !== undefined) await end(next);
    forgetResumption(directory);
    return await rollBack(journal, handOver, source);
  }
  if (next === undefined) {
    throw new NeedsPersonError(
      "process-gone",
      `Process ${vm.pid} is gone, and the VM's memory with it`,
      {
        remedy: `Start the VM again, then remove "${directory.path}"`,
      },
    );
  }
  return await rollForward(directory, journal, handOver, undefined, next);
}

/** The new process has ended: the source resumes. */
async function rollBack(
  { vm, settings }: Journal,
  handOver: HandOver,
  source: PidFd,
): Promise<Recovery> {
  source.sendSignal("SIGCONT");
  const limit = new Deadline(RESUME_TIMEOUT_MS);
  await using client = await reconnect(vm, limit.left(CONNECT_TIMEOUT_MS));
  const { how, warnings: found } = await goOn(client, vm, limit);
  const settling = new Deadline(SETTLE_TIMEOUT_MS);
  await closeFillers(client.within(() => settling.left()));
  const warnings = [
    ...found,
    ...await new MigrationSettings(settings).restore(client),
    ...removeFiles(pathsOf(handOver), userOf(vm)),
  ];
  return {
    vm,
    pid: vm.pid,
    outcome: "recovered",
    message: [
      `The VM of process ${vm.pid} ${how} on ${vm.program} ` +
      `${versionText(client.version)}; the update was not done, run it again`,
      ...warnings,
    ].join("; "),
  };
}

/** The new process has the VM; the source is ended before the guest runs. */
async function rollForward(
  directory: RunDirectory,
  { vm, settings }: Journal,
  handOver: HandOver,
  source: PidFd | undefined,
  next: PidFd,
): Promise<Recovery> {
  const client = await connect(vm, handOver, next);
  await using destination = Destination.attach(
    client,
    PidFd.open(next.pid),
    "new",
  );
  const { running, status } = await queryStatus(client);
  if (status === "inmigrate") {
    throw new NeedsPersonError(
      "process-gone",
      `Process ${vm.pid} is gone, and process ${next.pid} has the VM's ` +
        "memory, but not the state of its devices",
      { remedy: "Start the VM again, then end that process" },
    );
  }
  const warnings: string[] = [];
  const what = running || isReachedByGuest(status)
    ? running ? "runs" : stoppedPhrase(status, vm)
    : isLive(vm)
    ? "runs"
    : stoppedPhrase(status, vm);
  if (!running && !isReachedByGuest(status)) {
    if (source !== undefined) await stopProcess(source);
    if (isLive(vm)) {
      noteResumption(directory);
      await destination.resume();
    } else {
      const problem = await destination.keepStopped(vm);
      if (problem !== undefined) warnings.push(notLocked(problem));
    }
  }
  // Before the end of the source, at which systemd reads the pidfile.
  warnings.push(...moveLeft(handOver, vm));
  if (source !== undefined) await end(source);
  warnings.push(...await new MigrationSettings(settings).restoreAll(client));
  await destination.requireStable();
  return {
    vm,
    pid: next.pid,
    outcome: "recovered",
    message: [
      `The VM of process ${vm.pid} ${what} on ${vm.program} ` +
      `${versionText(client.version)}, as process ${next.pid}`,
      ...warnings,
    ].join("; "),
  };
}

/** The paths that were not moved before. */
function moveLeft({ cpr, main, moves }: HandOver, vm: VmRecord): string[] {
  const user = userOf(vm);
  const left = moves.filter(({ from }) => isThere(from));
  return [...moveFiles(left, user), ...removeFiles([cpr, main], user)];
}

function isThere(path: string): boolean {
  return ifThereSync(() => Deno.lstatSync(path)) !== undefined;
}

/** At its own path, or at the VM's if the commit had come that far. */
async function connect(
  vm: VmRecord,
  { monitor }: HandOver,
  next: PidFd,
): Promise<QmpClient> {
  const address = isThere(monitor) ? { path: monitor } : vm.address;
  let client: QmpClient;
  try {
    client = await QmpClient.connectAgain(address, {
      timeoutMs: CONNECT_TIMEOUT_MS,
    });
  } catch (error) {
    if (!(error instanceof QmpError)) throw error;
    throw new NeedsPersonError(
      "new-program-silent",
      `Process ${next.pid} has the VM, and does not answer: ${
        messageOf(error)
      }`,
      {
        remedy: "Look at the process before anything else, then run cprctl " +
          "recover again",
        cause: error,
      },
    );
  }
  const isIt = client.peer?.pid === next.pid && isOwnedBy(next.pid, vm.owner);
  if (isIt) return client;
  await client.close();
  throw stranger(client.peer?.pid, "Look at the VM before anything else");
}

async function end(process: PidFd): Promise<void> {
  if (await killProcess(process)) return;
  throw new NeedsPersonError(
    "process-stuck",
    `Process ${process.pid} does not end on SIGKILL`,
    {
      remedy: "Find out what it waits for in the kernel, then run cprctl " +
        "recover again",
    },
  );
}

function userOf({ owner }: VmRecord) {
  return { ...owner, groups: [owner.gid] };
}

function mayHaveRun(
  { pid }: VmRecord,
  source: PidFd | undefined,
): NeedsPersonError {
  return new NeedsPersonError(
    "may-have-run",
    `The new program of the VM of process ${pid} is gone and may have run the ` +
      "guest: its memory and disks may be newer than the devices in the old " +
      "program, so that one is not resumed",
    {
      remedy: "Look at the VM before anything else" +
        (source === undefined
          ? ""
          : `; before it is started again, end process ${pid}`),
    },
  );
}
