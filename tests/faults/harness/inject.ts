/** Lets a fault inject an update, and looks at everything afterwards. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { recover } from "../../../lib/update/recover/recover.ts";
import type { Mode } from "../../../lib/update/phase.ts";
import type { QemuBuilds } from "../../../testing/qemu/builds/builds.ts";
import {
  type Accelerator,
  type Machine,
  VirtualMachine,
  Witness,
} from "../../../testing/qemu/mod.ts";
import {
  assertEnded,
  assertNothingLeft,
  assertRuns,
  assertSettings,
  updateOnceMore,
} from "./invariants.ts";
import { Base } from "../../../testing/program/base.ts";
import {
  type AtPhase,
  Cprctl,
  type Ending,
  SELF,
  updateHere,
} from "../../../testing/update/cprctl.ts";
import {
  EXIT_CODES,
  type Expected,
  type Fault,
  type VmLocation,
} from "./fault.ts";
import { kill, membersOf } from "../../../testing/update/members.ts";
import { Fixture } from "../../../testing/update/fixture.ts";
import { migrationSettings } from "./settings.ts";
import { withoutLeaks } from "./without_leaks.ts";

/** Enough for a slow host; a fault that waits for the end of it has its own. */
const TIMEOUT_MS = 120_000;

/** The VM that a fault is injected. */
export interface Target {
  readonly machine: Machine;
  readonly accelerator: Accelerator;
  /** It is moved from the old to the new one. */
  readonly builds: QemuBuilds;
  /** Default: cpr-exec. */
  readonly mode?: Mode | undefined;
}

/** What came of a fault. */
export interface Result {
  readonly fault: Fault;
  readonly outcome: Expected["outcome"];
  /** Where the VM is when all is over. */
  readonly side: VmLocation;
  readonly exitCode: number | null;
  readonly said: string;
  /** The downtime; null where it did not stop, or never resumed. */
  readonly downtimeMs: number | null;
}

/**
 * Boots a machine on the old build and updates it to the new one, with a fault
 * on the way.
 *
 * @throws {AssertionError} when anything is not as it has to be
 */
export async function inject(
  fault: Fault,
  { machine, accelerator, builds, mode }: Target,
): Promise<Result> {
  await using _base = await Base.make();
  await using vm = await VirtualMachine.boot(
    builds.old,
    { ...machine, extra: [...machine.extra ?? [], ...fault.extra ?? []] },
    accelerator,
  );
  if (machine.paused) await vm.command("stop");
  const settings = await migrationSettings(vm);
  const witness = await Witness.of(vm);
  const pidBefore = vm.pid;
  const ending = await updateUnder(fault, vm, builds, mode);
  const { outcome, side, said } = fault.expected === "whatever is true"
    ? await truth(fault, ending, vm, builds)
    : await expected(fault.expected, ending, pidBefore);
  assertExitCode(outcome, ending);
  if (side === "ended") await assertEnded(vm.folder, pidBefore);
  else {
    vm.follow(membersOf(vm.folder)[0]?.pid ?? 0);
    const told = ending.report?.pid_after ?? vm.pid;
    // A person's, or recover's, doing is not in the report any more.
    if (outcome !== "needs-person") assertEquals(told, vm.pid);
    await assertRuns(vm, side, builds, witness, said);
    await assertSettings(vm, settings);
  }
  await assertNothingLeft(pidBefore);
  if (side !== "ended") await updateOnceMore(vm, side, builds, witness);
  return {
    fault,
    outcome,
    side,
    exitCode: ending.exitCode,
    said,
    downtimeMs: ending.report?.downtime_ms ?? null,
  };
}

async function updateUnder(
  fault: Fault,
  vm: VirtualMachine,
  builds: QemuBuilds,
  mode?: Mode,
): Promise<Ending> {
  await using fixture = new Fixture(vm, builds);
  await fault.before?.(fixture);
  const order = {
    mode,
    qmp: vm.files.qmp,
    binary: fixture.binary,
    timeoutMs: fault.timeoutMs ?? TIMEOUT_MS,
  };
  const atPhase: AtPhase = async (phase) => await fault.at?.[phase]?.(fixture);
  let ending: Ending;
  if (fault.apart) {
    await using cprctl = Cprctl.start(order);
    fixture.cprctl = cprctl;
    ending = await cprctl.run(atPhase);
  } else {
    ending = await withoutLeaks(() => updateHere(order, atPhase));
  }
  await fault.after?.(fixture);
  return ending;
}

interface Finish {
  readonly outcome: Expected["outcome"];
  readonly side: VmLocation;
  /** What cprctl said of it. */
  readonly said: string;
}

/** The one of the ends that an update came to. */
async function expected(
  possible: readonly Expected[],
  ending: Ending,
  pid: number,
): Promise<Finish> {
  const outcome = outcomeOf(ending);
  const end = possible.find((end) => end.outcome === outcome);
  assert(end !== undefined, `The update ended as "${outcome}": ${ending.said}`);
  assertMatch(ending.said, end.says);
  return { outcome, side: await afterRecovery(end, pid), said: ending.said };
}

function outcomeOf({ report, exitCode }: Ending): Expected["outcome"] {
  if (report !== null) return report.outcome;
  return exitCode === EXIT_CODES.refused ? "refused" : "none";
}

/**
 * Where the VM is after a fault that injected at any moment; what the report
 * says has to be true.
 */
async function truth(
  { mayEnd }: Fault,
  ending: Ending,
  vm: VirtualMachine,
  builds: QemuBuilds,
): Promise<Finish> {
  const outcome = outcomeOf(ending);
  const recovered = outcome === "none" || outcome === "needs-person"
    ? await recover({ timeoutMs: TIMEOUT_MS, self: SELF })
    : [];
  const said = [ending.said, ...recovered.map((it) => it.message)].join("; ");
  if (recovered.some(({ outcome }) => outcome === "needs-person")) {
    await endNamed(vm.folder, said);
  }
  const [member] = membersOf(vm.folder);
  const side = member === undefined
    ? "ended"
    : member.executable === builds.new.binary
    ? "new"
    : "old";
  const says: Readonly<Partial<Record<Expected["outcome"], VmLocation[]>>> = {
    "updated": ["new", "ended"], // it was injected after the end
    "refused": ["old", "ended"],
    "rolled-back": ["old"],
  };
  const possible = says[outcome] ?? ["old", "new", "ended"];
  assert(
    possible.includes(side),
    `The VM is "${side}" after "${outcome}": ${said}`,
  );
  assert(side !== "ended" || mayEnd, `The VM was lost: ${said}`);
  return { outcome, side, said };
}

/** What a person does with processes that do not have the whole VM. */
async function endNamed(folder: string, said: string): Promise<void> {
  for (const { pid } of membersOf(folder)) {
    assertMatch(said, new RegExp(`\\b${pid}\\b`), "It is not named");
    await kill(pid);
  }
}

function assertExitCode(
  outcome: Expected["outcome"],
  { exitCode, report }: Ending,
): void {
  if (outcome === "none") return;
  assertEquals(exitCode, EXIT_CODES[outcome]);
  if (report === null) return;
  assertEquals(report.pid_after === null, outcome === "needs-person");
  assertEquals(report.changed, outcome === "updated");
  assertEquals(report.error === null, exitCode === 0);
}

/** Calls `cprctl recover` where an end needs it; where the VM is then. */
async function afterRecovery(end: Expected, pid: number): Promise<VmLocation> {
  const { recovery } = end;
  if (recovery === undefined) return end.vm;
  const all = await recover({ timeoutMs: TIMEOUT_MS, self: SELF });
  const own = all.find(({ vm }) => vm.pid === pid);
  assertMatch(own?.message ?? "nothing to recover", recovery.says);
  assertEquals(own?.outcome, recovery.outcome);
  return recovery.vm;
}
