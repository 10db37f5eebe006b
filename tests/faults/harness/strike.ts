/** Lets a fault strike an update, and looks at everything afterwards. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { Fd } from "../../../ffi/fd.ts";
import { O_RDWR } from "../../../ffi/open_flags.ts";
import type { Json } from "../../../lib/qmp/mod.ts";
import { recover } from "../../../lib/update/recover.ts";
import { baseDirectory } from "../../../lib/update/run_directory.ts";
import type { QemuBuilds } from "../../../scripts/qemu/builds.ts";
import {
  type Accelerator,
  type Machine,
  VirtualMachine,
  Witness,
} from "../../qemu/harness/mod.ts";
import { type AtPhase, Cprctl, type Ending, updateHere } from "./cprctl.ts";
import { type End, EXIT_CODES, type Fault, type Whereabouts } from "./fault.ts";
import { Base } from "./base.ts";
import { membersOf } from "./members.ts";
import { runDirectories, Scene } from "./scene.ts";
import { migrationSettings } from "./settings.ts";

/** Enough for a slow host; a fault that waits for the end of it has its own. */
const TIMEOUT_MS = 30_000;
const SETTLE_MS = 10_000;

/** What came of a fault. */
export interface Result {
  readonly fault: Fault;
  readonly end: End;
  readonly exitCode: number | null;
  readonly said: string;
  /** The guest's pause; null where it did not stop, or never resumed. */
  readonly blackoutMs: number | null;
}

/**
 * Boots a machine on the old build and updates it to the new one, with a fault
 * on the way.
 *
 * @throws {AssertionError} when anything is not as it has to be
 */
export async function strike(
  fault: Fault,
  machine: Machine,
  accelerator: Accelerator,
  builds: QemuBuilds,
): Promise<Result> {
  await using _base = await Base.make();
  await using vm = await VirtualMachine.boot(
    builds.old,
    { ...machine, extra: [...machine.extra ?? [], ...fault.extra ?? []] },
    accelerator,
  );
  const settings = await migrationSettings(vm);
  const witness = await Witness.of(vm);
  const pidBefore = vm.pid;
  const ending = await updateUnder(fault, vm, builds);
  const end = endOf(fault, ending);
  assertMatch(ending.said, end.says);
  assertExitCode(end, ending);
  const side = await afterRecovery(end, pidBefore);
  if (side === "ended") await assertEnded(vm.folder, pidBefore);
  else {
    vm.follow(ending.report?.pid_after ?? membersOf(vm.folder)[0]?.pid ?? 0);
    await assertRuns(vm, side, builds, witness);
    {
      const now = await migrationSettings(vm);
      assertEquals(differing(now, settings), {}, "Settings have changed");
    }
  }
  await assertNothingLeft(pidBefore);
  if (side !== "ended") await updateOnceMore(vm, side, builds, witness);
  return {
    fault,
    end,
    exitCode: ending.exitCode,
    said: ending.said,
    blackoutMs: ending.report?.blackout_ms ?? null,
  };
}

/** What one has otherwise than the other. */
function differing(
  now: Readonly<Record<string, Json>>,
  before: Readonly<Record<string, Json>>,
): Record<string, Json> {
  const pairs = Object.entries(now).filter(([name, value]) =>
    JSON.stringify(value) !== JSON.stringify(before[name])
  );
  return Object.fromEntries(pairs);
}

async function updateUnder(
  fault: Fault,
  vm: VirtualMachine,
  builds: QemuBuilds,
): Promise<Ending> {
  await using scene = new Scene(vm, builds);
  await fault.before?.(scene);
  const order = {
    qmp: vm.files.qmp,
    binary: scene.binary,
    timeoutMs: fault.timeoutMs ?? TIMEOUT_MS,
  };
  const atPhase: AtPhase = async (phase) => await fault.at?.[phase]?.(scene);
  let ending: Ending;
  if (fault.apart) {
    await using cprctl = Cprctl.start(order);
    scene.cprctl = cprctl;
    ending = await cprctl.run(atPhase);
  } else {
    ending = await withoutLeaks(() => updateHere(order, atPhase));
  }
  await fault.after?.(scene);
  return ending;
}

/** The one of a fault's ends that it came to. */
function endOf(fault: Fault, ending: Ending): End {
  const outcome = ending.report?.outcome ??
    (ending.exitCode === EXIT_CODES.refused ? "refused" : "none");
  const end = fault.ends.find((end) => end.outcome === outcome);
  assert(end !== undefined, `The update ended as "${outcome}": ${ending.said}`);
  return end;
}

function assertExitCode({ outcome }: End, { exitCode, report }: Ending): void {
  if (outcome === "none") return;
  assertEquals(exitCode, EXIT_CODES[outcome]);
  if (report === null) return;
  assertEquals(report.changed, outcome === "updated");
  assertEquals(report.error === null, exitCode === 0);
}

/** Calls `cprctl recover` where an end needs it; where the VM is then. */
async function afterRecovery(end: End, pid: number): Promise<Whereabouts> {
  const { recovery } = end;
  if (recovery === undefined) return end.vm;
  const all = await recover({ timeoutMs: TIMEOUT_MS });
  const own = all.find(({ vm }) => vm.pid === pid);
  assertMatch(own?.message ?? "nothing to recover", recovery.says);
  assertEquals(own?.outcome, recovery.outcome);
  return recovery.vm;
}

/** No process is left; the journal of a lost VM is a person's to remove. */
async function assertEnded(folder: string, pid: number): Promise<void> {
  assertEquals(membersOf(folder), [], "Processes are left");
  for (const directory of await runDirectories(pid)) {
    await Deno.remove(directory, { recursive: true });
  }
}

async function assertRuns(
  vm: VirtualMachine,
  side: Whereabouts,
  builds: QemuBuilds,
  witness: Witness,
): Promise<void> {
  const executable = builds[side === "new" ? "new" : "old"].binary;
  assertEquals(membersOf(vm.folder), [{ pid: vm.pid, executable }]);
  const state = vm.machine.paused ? "paused" : "running";
  assertEquals(await vm.runState(), state);
  if (vm.machine.paused) await witness.assertStandsStill();
  else await witness.assertLivesOn();
}

/** No file, no lock. */
async function assertNothingLeft(pid: number): Promise<void> {
  assertEquals(await runDirectories(pid), []);
  try {
    using lock = Fd.open(`${await baseDirectory()}/${pid}.lock`, O_RDWR);
    assert(lock.tryLock(), "The lock is held");
  } catch (error) {
    if (!(error instanceof Error && /ENOENT/.test(error.message))) throw error;
  }
}

/** The VM can be updated as if nothing had been. */
async function updateOnceMore(
  vm: VirtualMachine,
  side: Whereabouts,
  builds: QemuBuilds,
  witness: Witness,
): Promise<void> {
  const build = builds[side === "new" ? "old" : "new"];
  const { report } = await updateHere(
    { qmp: vm.files.qmp, binary: build.binary, timeoutMs: TIMEOUT_MS },
    () => Promise.resolve(),
  );
  assertEquals(report?.error, null);
  assertEquals(report?.outcome, "updated");
  assertEquals(vm.executable(), build.binary);
  if (vm.machine.paused) await witness.assertStandsStill();
  else await witness.assertLivesOn();
}

/** Runs something that must leave this process with what it had open. */
async function withoutLeaks<T>(run: () => Promise<T>): Promise<T> {
  const before = openHere();
  const result = await run();
  const opened = () => [...openHere()].filter((it) => !before.has(it));
  const deadline = performance.now() + SETTLE_MS;
  while (opened().length > 0 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assertEquals(opened(), [], "Descriptors leaked");
  return result;
}

/** "number target" of what this process has open, less the runtime's own. */
function openHere(): Set<string> {
  const open = new Set<string>();
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    try {
      const target = Deno.readLinkSync(`/proc/self/fd/${name}`);
      if (!/^anon_inode:\[event(fd|poll)\]/.test(target)) {
        open.add(`${name} ${target}`);
      }
    } catch (error) {
      // The descriptor that listed the directory is closed by now.
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return open;
}
