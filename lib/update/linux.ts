/**
 * The {@linkcode System} of real updates.
 *
 * @module
 */

import { QmpBusyError, QmpClient } from "../qmp/mod.ts";
import { CmdlineError } from "../cmdline/mod.ts";
import { ifThere } from "../gone.ts";
import { readCommandLine } from "../proc/cmdline.ts";
import { CommandLine } from "./command/command_line.ts";
import { isOfLibvirt } from "./command/obstacles.ts";
import { RefusedError } from "./error.ts";
import { readLiveProcess } from "./command/draft.ts";
import { wayBy } from "./command/way.ts";
import { carryOver } from "./carry/carry.ts";
import { expandConfigFiles } from "./command/config_file.ts";
import { newCommand, oldCommand } from "./command/new_command.ts";
import { preflight } from "./preflight/preflight.ts";
import { betterWay } from "./preflight/mode.ts";
import { knownOptions } from "./programs/options.ts";
import { ProcessFiles } from "../proc/process_files.ts";
import {
  requireSame,
  requireSameNow,
  requireSameUser,
} from "./process/identity.ts";
import { stopProcess } from "./process/ending.ts";
import { hasRoomToTry } from "./process/memory_room.ts";
import { openNamed } from "../proc/process_name.ts";
import { leftOpen } from "./vm/left_open.ts";
import { OldMemory } from "./process/old_memory.ts";
import { isSameIdentity } from "../proc/file_identity.ts";
import { lastingGroups } from "./process/service.ts";
import { replacedLibraries } from "./process/successor.ts";
import { restoreThreads } from "./process/threads.ts";
import { VhostNet } from "./process/vhost_net.ts";
import { Urgency } from "./process/urgency.ts";
import { RunDirectory } from "./run/directory.ts";
import { writeJournal } from "./run/journal.ts";
import { VmLock } from "./run/lock.ts";
import { PinnedContext, readContext } from "./standby/process_context.ts";
import { Sandbox } from "./standby/sandbox.ts";
import { Standby } from "./standby/standby.ts";
import type { System } from "./system.ts";
import { countClosed } from "./transfer/closed_descriptors.ts";
import {
  appears,
  moveFiles,
  reconnect,
  removeFiles,
  standardStreams,
} from "./transfer/host.ts";
import { Destination } from "./transaction/destination.ts";
import { giveVhost } from "./transaction/fresh_vhost.ts";
import { Hold } from "./transaction/hold.ts";
import { readAhead, warmUp } from "./transaction/warm_up.ts";
import { SavedState } from "./transaction/saved_state.ts";
import { stderrSize } from "./transaction/stderr_tail.ts";
import { gatherFacts, recordOf } from "./vm/facts.ts";
import { objectsIn, text } from "./vm/reply.ts";
import { readTerminals } from "./vm/terminals.ts";
import { userConnections } from "./vm/user_connections.ts";
import { Fingerprint } from "./verify/fingerprint.ts";

/**
 * This host.
 *
 * @param vhostNet its device; tests have one of their own
 */
export const linux = (vhostNet = new VhostNet()): System => ({
  connect: async (address, patience) => {
    try {
      return await QmpClient.connect(address, patience);
    } catch (error) {
      if (error instanceof QmpBusyError && error.pid !== undefined) {
        await requireNoLibvirt(error.pid);
      }
      throw error;
    }
  },
  facts: gatherFacts,

  // A new file at the same path counts as another program, even if its version
  // is the same, and so does a program with other libraries.
  isCurrent: async ({ pid, executable }, binary) => {
    const info = await new ProcessFiles(pid).stat(binary);
    const isSame = info !== undefined &&
      isSameIdentity(info.identity, executable) &&
      (await replacedLibraries(pid)).length === 0;
    if (isSame) await requireFinished(pid);
    return isSame;
  },

  lock: (pid) => VmLock.take(pid),
  open: openNamed,

  pin: async ({ identity }, { self }) => {
    using stack = new DisposableStack();
    const processContext = await readContext(identity, self);
    const pinned = stack.use(
      await PinnedContext.open(identity, processContext),
    );
    await requireSame(identity);
    stack.move();
    return { processContext, pinned };
  },

  plan: async ({ client, facts, processContext, pinned }, options) => {
    const live = await readLiveProcess(facts.pid, vhostNet);
    const strict = options.allowWeakerConfinement !== true;
    const sandbox = hasRoomToTry(facts.pid)
      ? new Sandbox(processContext, pinned.files, {
        self: options.self,
        strict,
      })
      : undefined;
    const known = await knownOptions(facts, sandbox);
    const expanded = await expandConfigFiles({ ...facts, options: known });
    const started = { ...facts, argv: expanded.argv, options: known };
    // Taken before carryOver() reads the VM, so that later changes are found.
    const fingerprint = await Fingerprint.take(client, "checked");
    const carried = await carryOver(client, started, live);
    const now = { ...started, argv: carried.argv };
    const command = newCommand(now, live, options.binary);
    const whole = {
      ...command,
      changes: [
        ...expanded.changes,
        ...carried.changes,
        ...command.changes,
      ],
    };
    const { mode = "cpr-exec" } = options;
    const wanted = {
      ...{ command: whole, facts: now, cwd: processContext.cwd },
      ramOf: () => ramOf(client),
    };
    return {
      facts: started,
      ...mode === "auto"
        ? await betterWay({ ...wanted, carried })
        : await wayBy({ ...wanted, mode }),
      carried,
      oldArgv: oldCommand(now, live),
      fingerprint,
      sandbox,
    };
  },

  preflight: async (
    { client, processContext, deadline },
    plan,
    options,
  ) =>
    await preflight(
      {
        ...{ client, ...plan, domain: options.domain },
        binary: options.binary ?? plan.facts.successor,
        namedByOperator: options.binary !== undefined,
        seccomp: processContext.seccomp,
        allowWeakerConfinement: options.allowWeakerConfinement ?? false,
        maxDowntimeMs: options.maxDowntimeMs,
      },
      options.onCheck,
      deadline,
    ),

  runDirectory: (facts) => RunDirectory.create(facts),

  journal: async (directory, pid, settings, { carried, handOver }) => {
    const said = await stderrSize(pid);
    return (facts) =>
      writeJournal(directory, {
        vm: recordOf(facts),
        settings: settings.record,
        carried: carried.commands,
        said,
        handOver,
      });
  },

  standby: ({ path }, { facts, processContext, pinned }, plan, options) =>
    Standby.start({
      directory: path,
      context: processContext,
      groups: lastingGroups(
        facts,
        processContext.cgroups,
        plan.handOver?.moves,
      ),
      files: pinned.files,
      argv: plan.handOver === undefined ? plan.oldArgv : plan.command.argv,
      isNew: plan.handOver !== undefined,
      self: options.self,
      strict: options.allowWeakerConfinement !== true,
    }),

  renewVhost: (preserved) => vhostNet.renew(preserved),
  giveVhost: ({ client, process }, { command }, { self }) =>
    giveVhost({ client, process, vhostNet, self }, command.vhost),

  leftOpen: async ({ client, facts, process }, { command }, vhost) => {
    if (facts.program !== "QEMU") return [];
    // The program may close one of these at any moment, so leave them out.
    const connections = await userConnections(client);
    const named = command.descriptors.map((it) => vhost.get(it) ?? it);
    const inUse = [...named, ...connections];
    const terminals = await readTerminals(client);
    return await leftOpen(process, inUse, terminals, vhostNet);
  },

  state: (path) => SavedState.open(path),

  warmUp: async ({ facts, processContext }, { command, sandbox }, options) => {
    const program = command.argv[0] ?? "";
    const namedByOperator = options.binary !== undefined;
    const choice = { sandbox, namedByOperator };
    await readAhead(facts, program, processContext.credentials, choice);
    await warmUp();
  },

  keepMemory: (pid) => OldMemory.keep(pid),
  urgency: (pid, vcpus) => Urgency.of(pid, vcpus),
  restoreThreads,
  requireSame: requireSameNow,
  requireSameUser,
  hold: Hold.take,
  standardStreams,
  appears,
  reconnect,
  countClosed,
  fence: stopProcess,
  move: moveFiles,
  remove: removeFiles,
  destination: (vm, program, timeoutMs, budget) =>
    Destination.connect(vm, program, timeoutMs, budget),
});

/** This host, as it is. */
export const LINUX: System = linux();

/** The ids of a VM's memory backends. */
async function ramOf(client: QmpClient): Promise<string[]> {
  return objectsIn(await client.execute("query-memdev"))
    .flatMap(({ id }) => text(id) ?? []);
}

/** A VM in the midst of an update may execute the new program already. */
async function requireFinished(pid: number): Promise<void> {
  for await (const directory of RunDirectory.list()) {
    if (directory.pid !== pid) continue;
    throw new RefusedError(
      "unfinished",
      `An update of process ${pid} is under way, or was left unfinished`,
      { remedy: "Run cprctl recover" },
    );
  }
}

/**
 * libvirt is the one client of its VMs' monitors: ending it would end its
 * management of the VM.
 */
async function requireNoLibvirt(pid: number): Promise<void> {
  const argv = await ifThere(readCommandLine(pid)) ?? [];
  try {
    if (!isOfLibvirt(CommandLine.guess("QEMU", argv))) return;
  } catch (error) {
    if (error instanceof CmdlineError) return;
    throw error;
  }
  throw new RefusedError(
    "libvirt",
    `Process ${pid} is a VM that libvirt manages`,
    { remedy: "Give --domain NAME in place of --qmp" },
  );
}
