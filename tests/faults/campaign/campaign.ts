/** Random faults in a row, on random machines. */

import type { QemuBuilds } from "../../../testing/qemu/builds/builds.ts";
import { type Accelerator, MACHINES } from "../../../testing/qemu/mod.ts";
import type { Mode, PhaseName } from "../../../lib/update/phase.ts";
import type { Fault } from "../harness/fault.ts";
import { inject, type Result, type Target } from "../harness/inject.ts";
import { updated } from "../harness/expected.ts";
import { FAULTS } from "../table/mod.ts";
import { OLD_PROGRAM, STATE_FILE } from "../table/surroundings.ts";
import { anyMoment } from "./any_moment.ts";
import { Random } from "../../../testing/random.ts";

/** Nothing goes wrong. */
const NONE: Fault = { name: "none", when: "", expected: [updated(/^$/)] };

/** The phases of a cpr-transfer that are like those of a cpr-exec. */
const LIKE: Readonly<Partial<Record<PhaseName, PhaseName>>> = {
  hold: "switchover",
  load: "verify",
};

/**
 * A fault of the table in a cpr-transfer, which ends otherwise, and in a VM
 * that either program has.
 */
function inTransfer(fault: Fault): Fault {
  const { at = {}, expected } = fault;
  const moved = Object.entries(at).map(([phase, action]) => [
    LIKE[phase as PhaseName] ?? phase,
    action,
  ]);
  const mayEnd = expected !== "whatever is true" &&
    expected.some(({ vm }) => vm === "ended");
  return {
    ...{ ...fault, at: Object.fromEntries(moved), mayEnd },
    expected: "whatever is true",
  };
}

/** There is no state file in a cpr-transfer, and no rollback to a new start. */
const OF_CPR_EXEC = [...STATE_FILE, ...OLD_PROGRAM];

/** Keeps the numbers of two rounds apart. */
const STRIDE = 0x9e3779b9;

/** What one round is made of. */
export interface Round {
  readonly number: number;
  readonly fault: Fault;
  readonly target: Target;
}

/** The same for the same seed and number. */
export function round(
  seed: number,
  number: number,
  accelerators: readonly Accelerator[],
  { old, new: fresh }: QemuBuilds,
  mode: Mode,
): Round {
  const random = new Random(seed ^ Math.imul(number + 1, STRIDE));
  const machine = random.one(MACHINES);
  const isRoot = Deno.uid() === 0;
  const table = mode === "cpr-exec"
    ? FAULTS
    : FAULTS.filter((it) => !OF_CPR_EXEC.includes(it)).map(inTransfer);
  const fitting = table.filter(({ fits, root }) =>
    (fits?.(machine) ?? true) && (isRoot || !root)
  );
  const kind = random.fraction();
  const fault = kind < 0.1
    ? NONE
    : kind < 0.5
    ? anyMoment(random, mode)
    : random.one(fitting);
  const forward = random.fraction() < 0.5;
  return {
    number,
    fault,
    target: {
      mode,
      machine,
      accelerator: random.one(accelerators),
      builds: forward ? { old, new: fresh } : { old: fresh, new: old },
    },
  };
}

/** A round that is over. */
export interface Played {
  readonly round: Round;
  /** What came of it, or what was wrong. */
  readonly result: Result | Error;
}

/** Plays one round. */
export async function play(round: Round): Promise<Played> {
  try {
    return { round, result: await inject(round.fault, round.target) };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { round, result: error };
  }
}
