/** cprctl itself is killed, and `cprctl recover` called. */

import type { PhaseName } from "../../../lib/update/phase.ts";
import type { Action, Expected, Fault, VmLocation } from "../harness/fault.ts";
import { whenOf } from "./signals.ts";

const killCprctl: Action = ({ cprctl }) => cprctl?.kill("SIGKILL");
const killVm: Action = ({ vm }) => Deno.kill(vm.pid, "SIGKILL");

const killBoth: Action = async (fixture) => {
  await killVm(fixture);
  await killCprctl(fixture);
};

/** Recovered onto one of the programs. */
function recovered(
  vm: VmLocation,
  outcome: NonNullable<Expected["recovery"]>["outcome"],
  says: RegExp,
): Expected {
  return {
    outcome: "none",
    vm,
    says: /ended by SIGKILL/,
    recovery: { outcome, vm, says },
  };
}

const UNTOUCHED: Expected = {
  outcome: "none",
  vm: "old",
  says: /ended by SIGKILL/,
};
const STAYS =
  /The VM of process \d+ (runs on \w+ [\d.]+; the update was not done|is paused, as before)/;
const RUNS = /The VM of process \d+ (runs on \w+ [\d.]+|is paused, as before)/;

/** By the phase that was about to begin. */
const ENDS: readonly (readonly [PhaseName, Expected])[] = [
  ["facts", UNTOUCHED],
  ["preflight", UNTOUCHED],
  ["prepare", UNTOUCHED],
  ["migrate", recovered("old", "recovered", STAYS)],
  ["hold", recovered("old", "recovered", STAYS)],
  ["switchover", recovered("old", "recovered", STAYS)],
  ["load", recovered("new", "recovered", RUNS)],
  ["commit", recovered("new", "recovered", RUNS)],
];

/** At every step; the last rows need a first fault to get there. */
export const CPRCTL_KILLED: readonly Fault[] = [
  ...ENDS.map(([phase, end]): Fault => ({
    name: "cprctl is killed",
    when: `${whenOf(phase)}; then recover`,
    apart: true,
    at: { [phase]: killCprctl },
    expected: [end],
    ...phase === "load" || phase === "hold" ? { short: true } : {},
  })),
  {
    name: "new program is killed, and cprctl before the rollback",
    when: "before the load; then recover",
    apart: true,
    at: { load: killVm, rollback: killCprctl },
    expected: [recovered("old", "rolled-back", /on the old program/)],
    short: true,
  },
  ...(["load", "commit"] as const).map((phase): Fault => ({
    name: "cprctl and the new program are killed",
    when: `${whenOf(phase)}; then recover`,
    apart: true,
    at: { [phase]: killBoth },
    expected: [recovered("old", "rolled-back", /on the old program/)],
  })),
];
