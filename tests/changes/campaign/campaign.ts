/**
 * Random changes of a VM at run time, and then an update or a forced rollback:
 * afterwards it is the VM that it was, or a check has refused it by name.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { QmpCommandError } from "../../../lib/qmp/mod.ts";
import type { Report } from "../../../lib/update/report/report.ts";
import { Base } from "../../../testing/program/base.ts";
import type {
  QemuBuild,
  QemuBuilds,
} from "../../../testing/qemu/builds/builds.ts";
import { Witness } from "../../../testing/qemu/mod.ts";
import { Random } from "../../../testing/random.ts";
import {
  type Ending,
  orderOf,
  updateHere,
} from "../../../testing/update/cprctl.ts";
import { assertNothingLeft } from "../../faults/harness/invariants.ts";
import { BACK_ENDS, REFUSED_BACK_ENDS } from "./back_ends.ts";
import {
  type Change,
  ChangedVm,
  NothingToChange,
  type Refusal,
} from "./changed_vm.ts";
import { describe } from "./description.ts";
import { DEVICES, REFUSED_DEVICES } from "./devices.ts";
import { bitmapsLost, DISKS, REFUSED_DISKS } from "./disks.ts";
import { REFUSED_SETTINGS, SETTINGS } from "./settings.ts";

const CARRIED: readonly (readonly Change[])[] = [
  ...[BACK_ENDS, DEVICES, DISKS, SETTINGS],
];
const REFUSED: readonly Change[] = [
  ...[...REFUSED_BACK_ENDS, ...REFUSED_DEVICES],
  ...[...REFUSED_DISKS, ...REFUSED_SETTINGS],
];

const TIMEOUT_MS = 120_000;
const MOST_CHANGES = 8;
/** How often a change is tried in place of one that was not possible. */
const ATTEMPTS = 3;
const REFUSED_SHARE = 0.25;
const ROLLED_BACK_SHARE = 0.35;
/** A VM that is as old as this is replaced by a new one. */
export const SEQUENCES_OF_A_VM = 5;

/** QEMU does not forget the ROM of a device that was unplugged. */
const KEEPS_ROM = /CPR state still has ".*\.rom", whose memory is gone/;

/** Keeps the numbers of two VMs apart. */
const STRIDE = 0x9e3779b9;

/** A sequence that is over. */
export interface Played {
  readonly number: number;
  /** Names of the changes that were made. */
  readonly changes: readonly string[];
  /** What came of it, or what was wrong. */
  readonly result: string | Error;
  /** All commands that this VM was given so far. */
  readonly log: readonly string[];
}

/** What is played, and how. */
export interface Campaign {
  readonly seed: number;
  /** Of the first sequence, and how many there are. */
  readonly first?: number;
  readonly count: number;
  readonly builds: QemuBuilds;
  readonly each?: (played: Played) => void;
}

/** Plays sequence after sequence; a few of them with one VM. */
export async function playAll(campaign: Campaign): Promise<Played[]> {
  const { first = 0, count } = campaign;
  const played: Played[] = [];
  const end = first + count;
  for (let next = first - first % SEQUENCES_OF_A_VM; next < end;) {
    const done = await playVm(next, end, campaign);
    played.push(...done.filter(({ number }) => number >= first));
    next += done.length;
  }
  return played;
}

/** Plays the sequences of one VM; one that goes wrong is its last. */
async function playVm(
  first: number,
  end: number,
  { seed, builds, each }: Campaign,
): Promise<Played[]> {
  const random = new Random(seed ^ Math.imul(first + 1, STRIDE));
  const last = first - first % SEQUENCES_OF_A_VM + SEQUENCES_OF_A_VM - 1;
  const played: Played[] = [];
  await using _base = await Base.make();
  await using vm = await ChangedVm.boot(builds.old, random);
  for (let number = first; number < end && number <= last; number++) {
    const done = await play(number, vm, builds);
    played.push(done);
    each?.(done);
    if (done.result instanceof Error) break;
  }
  return played;
}

async function play(
  number: number,
  vm: ChangedVm,
  builds: QemuBuilds,
): Promise<Played> {
  const changes: string[] = [];
  const { log } = vm;
  try {
    const refusal = await change(vm, changes);
    const result = await finish(vm, builds, refusal);
    return { number, changes, result, log };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { number, changes, result: error, log };
  }
}

/** Changes the VM; a change that is refused comes last. */
async function change(
  vm: ChangedVm,
  done: string[],
): Promise<Refusal | undefined> {
  const count = 1 + vm.random.below(MOST_CHANGES);
  for (let made = 0; made < count; made++) {
    await attempt(vm, () => vm.random.one(vm.random.one(CARRIED)), done);
  }
  if (!vm.chance(REFUSED_SHARE)) return undefined;
  return await attempt(vm, () => vm.random.one(REFUSED), done);
}

async function attempt(
  vm: ChangedVm,
  choose: () => Change,
  done: string[],
): Promise<Refusal | undefined> {
  for (let left = ATTEMPTS; left > 0; left--) {
    const { name, apply } = choose();
    try {
      const refusal = await apply(vm);
      done.push(name);
      return refusal ?? undefined;
    } catch (error) {
      if (error instanceof QmpCommandError) done.push(`(${name})`);
      else if (!(error instanceof NothingToChange)) throw error;
    }
  }
  return undefined;
}

/** Updates the VM; where that is refused, once more after the remedy. */
async function finish(
  vm: ChangedVm,
  builds: QemuBuilds,
  refusal: Refusal | undefined,
): Promise<string> {
  const here = vm.vm.executable();
  const next = here === builds.old.binary ? builds.new : builds.old;
  const witness = await Witness.of(vm.vm);
  const lost = here === builds.old.binary ? await bitmapsLost(vm) : undefined;
  const refusals = [refusal, lost].filter((it) => it !== undefined);
  let said = "";
  if (refusals.length > 0) {
    const checks = refusals.map(({ check }) => check);
    const before = await describe(vm.vm);
    const report = reportOf(await update(vm, next));
    assertEquals(report.outcome, "refused", errorOf(report));
    assertEquals(
      new Set(refusing(report)),
      new Set(checks),
      errorOf(report),
    );
    assertEquals(vm.vm.executable(), here);
    assertSame(await describe(vm.vm), before);
    await witness.assertLivesOn();
    for (const { undo } of refusals) await undo();
    said = `refused by "${[...new Set(checks)].join('", "')}", then `;
  }
  const before = await describe(vm.vm);
  const kill = vm.chance(ROLLED_BACK_SHARE)
    ? vm.random.one(["load", "verify", "commit"])
    : undefined;
  const { pid } = vm.vm;
  const report = reportOf(await update(vm, next, kill));
  if (KEEPS_ROM.test(report.error?.message ?? "")) {
    assertEquals([report.outcome, report.pid_after], ["rolled-back", pid]);
    assertSame(await describe(vm.vm), before);
    await witness.assertLivesOn();
    return `${said}cancelled`;
  }
  const outcome = kill === undefined ? "updated" : "rolled-back";
  assertEquals(report.outcome, outcome, errorOf(report));
  vm.vm.follow(report.pid_after ?? 0);
  const binary = kill === undefined ? next.binary : here;
  assertEquals(vm.vm.executable(), binary);
  assertSame(await describe(vm.vm), before);
  assertEquals(report.warnings, []);
  await witness.assertLivesOn();
  await assertNothingLeft(pid);
  return said + outcome;
}

/** Updates the VM; at a phase, kills the new program. */
function update(
  { vm, log }: ChangedVm,
  { binary, version }: QemuBuild,
  kill?: string,
): Promise<Ending> {
  const fate = kill === undefined ? "" : `, killed at ${kill}`;
  log.push(`update to ${version}${fate}`);
  return updateHere(orderOf(vm, { binary }, TIMEOUT_MS), (phase) => {
    if (phase === kill) Deno.kill(vm.pid, "SIGKILL");
  });
}

function reportOf({ report, said }: Ending): Report {
  assert(report !== null, said);
  return report;
}

function errorOf({ error, differences }: Report): string {
  return `${error?.code}: ${error?.message} ${JSON.stringify(differences)}`;
}

function refusing({ checks }: Report): string[] {
  return checks.filter(({ verdict }) => verdict === "refuse")
    .map(({ id }) => id);
}

/** Names what is not there any more, and what is new. */
function assertSame(after: readonly string[], before: readonly string[]): void {
  const lost = without(before, after).map((line) => `- ${line}`);
  const late = without(after, before).map((line) => `+ ${line}`);
  assertEquals([...lost, ...late], []);
}

/** As often as a line is in one more often than in the other. */
function without(one: readonly string[], other: readonly string[]): string[] {
  const rest = [...other];
  return one.filter((line) => {
    const at = rest.indexOf(line);
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
}
