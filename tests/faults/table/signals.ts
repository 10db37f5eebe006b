/** Signals: to cprctl, which has to outlast them, and to the VM's process. */

import type { PhaseName } from "../../../lib/update/phase.ts";
import { ended, refused, rolledBack, updated } from "../harness/expected.ts";
import type { Action, Expected, Fault } from "../harness/fault.ts";

/** Before the VM depends on cprctl, which then may just end. */
const LOOKING: readonly PhaseName[] = ["facts"];
/** Until the VM is touched: an interrupted update is refused. */
const PREPARING: readonly PhaseName[] = ["preflight", "prepare"];
/** With the VM in its hands. */
const MOVING: readonly PhaseName[] = [
  "migrate",
  "hold",
  "switchover",
  "load",
  "commit",
];

/** What each phase is to a person. */
const WHEN: Readonly<Record<string, string>> = {
  facts: "while it gathers facts",
  preflight: "in the preflight",
  prepare: "during the preparation",
  migrate: "before the guest stops",
  hold: "while it preserves the RAM",
  switchover: "before the exec",
  load: "before the load",
  commit: "after the load",
};

export function whenOf(phase: PhaseName): string {
  return WHEN[phase] ?? phase;
}

const toCprctl = (signal: Deno.Signal): Action => ({ cprctl }) =>
  cprctl?.kill(signal);

const PUT_OFF: readonly Deno.Signal[] = ["SIGINT", "SIGHUP", "SIGTERM"];

/** At every step, the signals that ask a program to end. */
export const CPRCTL_SIGNALS: readonly Fault[] = PUT_OFF.flatMap((signal) => {
  const row = (phase: PhaseName, end: Expected): Fault => ({
    name: `cprctl gets ${signal}`,
    when: whenOf(phase),
    apart: true,
    at: { [phase]: toCprctl(signal) },
    expected: [end],
    ...signal === "SIGINT" && (phase === "preflight" || phase === "switchover")
      ? { short: true }
      : {},
  });
  const quit: Expected = {
    outcome: "none",
    vm: "old",
    says: new RegExp(`ended by ${signal}`),
  };
  return [
    ...LOOKING.map((phase) => row(phase, quit)),
    ...PREPARING.map((phase) =>
      row(phase, refused(new RegExp(`Interrupted by ${signal}`)))
    ),
    ...MOVING.map((phase) =>
      row(phase, updated(new RegExp(`${signal} was received, and deferred`)))
    ),
  ];
});

/** For faults that wait until it has run out. */
const STUCK_MS = 8_000;

const toVm = (signal: Deno.Signal): Action => ({ vm }) =>
  Deno.kill(vm.pid, signal);

/** Somebody kills the VM's process. */
export const VM_KILLED: readonly Fault[] = [
  ...(["preflight", "prepare"] as const).map((phase): Fault => ({
    name: "VM's process is killed",
    when: whenOf(phase),
    at: { [phase]: toVm("SIGKILL") },
    expected: [ended(/Process \d+ ended before the VM was touched/)],
  })),
  ...(["migrate", "hold", "switchover"] as const).map((phase): Fault => ({
    name: "VM's process is killed",
    when: whenOf(phase),
    at: { [phase]: toVm("SIGKILL") },
    expected: [
      ended(
        /ended before (the VM was touched|it had saved the devices)|had not saved/,
      ),
    ],
    ...phase === "hold" ? { short: true } : {},
  })),
  ...(["load", "commit"] as const).map((phase): Fault => ({
    name: "VM's process is killed",
    when: whenOf(phase),
    at: { [phase]: toVm("SIGKILL") },
    expected: [rolledBack(/Process \d+ ended/)],
    short: true,
  })),
];

/** Somebody stops the VM's process, and lets it go on when all is over. */
export const VM_STOPPED: readonly Fault[] = [
  {
    name: "VM's process hangs, and continues later",
    when: whenOf("preflight"),
    at: { preflight: toVm("SIGSTOP") },
    timeoutMs: STUCK_MS,
    after: toVm("SIGCONT"),
    expected: [refused(/No answer to|checks of the VM were not complete/)],
  },
  {
    name: "VM's process hangs, and continues later",
    when: whenOf("prepare"),
    at: { prepare: toVm("SIGSTOP") },
    timeoutMs: STUCK_MS,
    after: toVm("SIGCONT"),
    expected: [refused(/No answer to|checks of the VM were not complete/)],
  },
  {
    name: "VM's process hangs, and continues later",
    when: `${whenOf("migrate")}; then recover`,
    at: { migrate: toVm("SIGSTOP") },
    timeoutMs: STUCK_MS,
    after: toVm("SIGCONT"),
    expected: [{
      ...refused(/No answer to "query-status"/),
      recovery: { outcome: "recovered", vm: "old", says: /runs|is paused/ },
    }],
  },
  ...(["hold", "switchover"] as const).map((phase): Fault => ({
    name: "VM's process hangs, and continues later",
    when: `${whenOf(phase)}; then recover`,
    at: { [phase]: toVm("SIGSTOP") },
    timeoutMs: STUCK_MS,
    after: toVm("SIGCONT"),
    // What it was told it may have read, or not.
    expected: "whatever is true",
  })),
];
