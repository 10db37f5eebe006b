/**
 * The {@linkcode System} of real updates.
 *
 * @module
 */

import { QmpClient } from "../qmp/mod.ts";
import { readLiveProcess } from "./command/live_process.ts";
import { newCommand, oldCommand } from "./command/new_command.ts";
import { preflight } from "./preflight/preflight.ts";
import { ProcessFiles } from "../proc/process_files.ts";
import {
  requireSame,
  requireSameNow,
  requireSameUser,
} from "./process/identity.ts";
import { hasRoomToTry } from "./process/memory_room.ts";
import { openNamed } from "../proc/process_name.ts";
import { OldMemory } from "./process/old_memory.ts";
import { isSameIdentity } from "../proc/file_identity.ts";
import { lastingGroups } from "./process/service.ts";
import { restoreThreads } from "./process/threads.ts";
import { Urgency } from "./process/urgency.ts";
import { RunDirectory } from "./run/directory.ts";
import { writeJournal } from "./run/journal.ts";
import { VmLock } from "./run/lock.ts";
import { PinnedContext, readContext } from "./standby/process_context.ts";
import { Sandbox } from "./standby/sandbox.ts";
import { Standby } from "./standby/standby.ts";
import type { System } from "./system.ts";
import { Destination } from "./transaction/destination.ts";
import { Hold } from "./transaction/hold.ts";
import { readAhead, warmUp } from "./transaction/warm_up.ts";
import { SavedState } from "./transaction/saved_state.ts";
import { stderrSize } from "./transaction/stderr_tail.ts";
import { gatherFacts, recordOf } from "./vm/facts.ts";
import { Fingerprint } from "./vm/fingerprint.ts";

/** This host. */
export const LINUX: System = {
  connect: (address, patience) => QmpClient.connect(address, patience),
  facts: gatherFacts,

  // A new file at the same path counts as another program, even if its version
  // is the same.
  isCurrent: async ({ pid, executable }, binary) => {
    const info = await new ProcessFiles(pid).stat(binary);
    return info !== undefined && isSameIdentity(info.identity, executable);
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
    const live = await readLiveProcess(facts.pid);
    const command = newCommand(facts, live, options.binary);
    const strict = options.allowWeakerConfinement !== true;
    return {
      command,
      oldArgv: oldCommand(facts, live),
      fingerprint: await Fingerprint.take(client),
      sandbox: hasRoomToTry(facts.pid)
        ? new Sandbox(processContext, pinned.files, {
          self: options.self,
          strict,
        })
        : undefined,
    };
  },

  preflight: async ({ client, facts, processContext }, plan, options) =>
    await preflight({
      ...{ client, facts, ...plan },
      binary: options.binary ?? facts.executable.path,
      namedByOperator: options.binary !== undefined,
      seccomp: processContext.seccomp,
      allowWeakerConfinement: options.allowWeakerConfinement ?? false,
    }),

  runDirectory: (facts) => RunDirectory.create(facts),

  journal: async (directory, pid, settings) => {
    const said = await stderrSize(pid);
    return (facts) =>
      writeJournal(directory, {
        vm: recordOf(facts),
        settings: settings.record,
        said,
      });
  },

  standby: ({ path }, { facts, processContext, pinned }, plan, options) =>
    Standby.start({
      directory: path,
      context: processContext,
      groups: lastingGroups(facts, processContext.cgroups),
      files: pinned.files,
      argv: plan.oldArgv,
      self: options.self,
      strict: options.allowWeakerConfinement !== true,
    }),

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
  hold: (process, descriptors) => Hold.take(process, descriptors),
  destination: (vm, program, timeoutMs, budget) =>
    Destination.connect(vm, program, timeoutMs, budget),
};
