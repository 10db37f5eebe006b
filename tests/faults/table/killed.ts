/** cprctl itself is killed, and `cprctl recover` called. */

import type { PhaseName } from "../../../lib/update/report/report.ts";
import type { Deed, End, Fault, Whereabouts } from "../harness/fault.ts";
import { whenOf } from "./signals.ts";

const killCprctl: Deed = ({ cprctl }) => cprctl?.kill("SIGKILL");
const killVm: Deed = ({ vm }) => Deno.kill(vm.pid, "SIGKILL");

const killBoth: Deed = async (scene) => {
  await killVm(scene);
  await killCprctl(scene);
};

/** Recovered onto one of the programs. */
function recovered(
  vm: Whereabouts,
  outcome: NonNullable<End["recovery"]>["outcome"],
  says: RegExp,
): End {
  return {
    outcome: "none",
    vm,
    says: /ended by SIGKILL/,
    recovery: { outcome, vm, says },
  };
}

const UNTOUCHED: End = { outcome: "none", vm: "old", says: /ended by SIGKILL/ };
const RUNS = /The VM of process \d+ (runs|is paused, as it was)/;

/** By the phase that was about to begin. */
const ENDS: readonly (readonly [PhaseName, End])[] = [
  ["facts", UNTOUCHED],
  ["preflight", UNTOUCHED],
  ["prepare", UNTOUCHED],
  ["migrate", recovered("old", "recovered", RUNS)],
  ["hold", recovered("old", "recovered", RUNS)],
  ["cut", recovered("old", "recovered", RUNS)],
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
    ends: [end],
    ...phase === "load" || phase === "hold" ? { short: true } : {},
  })),
  {
    name: "new program is killed, and cprctl before it goes back",
    when: "before the state is loaded; then recover",
    apart: true,
    at: { load: killVm, rollback: killCprctl },
    ends: [recovered("old", "rolled-back", /on the old program/)],
    short: true,
  },
  ...(["load", "commit"] as const).map((phase): Fault => ({
    name: "cprctl and the new program are killed",
    when: `${whenOf(phase)}; then recover`,
    apart: true,
    at: { [phase]: killBoth },
    ends: [recovered("old", "rolled-back", /on the old program/)],
  })),
];
