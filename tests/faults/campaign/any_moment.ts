/** Faults that inject at any moment, not only between two phases. */

import { ifThereSync } from "../../../lib/gone.ts";
import { sleep } from "../../../lib/sleep.ts";
import type { Mode, PhaseName } from "../../../lib/update/phase.ts";
import {
  CPR_EXEC,
  CPR_TRANSFER,
  type Phase,
} from "../../../lib/update/update.ts";
import { SELF } from "../../../testing/update/cprctl.ts";
import type { Action, Fault } from "../harness/fault.ts";
import type { Fixture } from "../../../testing/update/fixture.ts";
import { kill, newProcess } from "../../../testing/update/members.ts";
import type { Random } from "../../../testing/random.ts";

const phasesOf = (phases: readonly Phase[]): readonly PhaseName[] =>
  phases.map(({ name }) => name).filter((it) => it !== "facts");

/** As long as the longest phase takes. */
const MAXIMUM_DELAY_MS = 80;
/** A process that is stopped for longer hangs; that has rows of its own. */
const MAXIMUM_STOP_MS = 1_000;
/** By then `cprctl recover` has done the most of its work, if not all. */
const MAXIMUM_RECOVERY_MS = 1_500;

interface Injection {
  readonly name: string;
  /** Whether it may take away all that there is of the VM. */
  readonly mayEnd?: true;
  readonly apart?: true;
  readonly inject: (fixture: Fixture, random: Random) => void | Promise<void>;
  /** When the update is over. */
  readonly after?: (random: Random) => Promise<void>;
}

/** Does something to a process that may have ended. */
function signal(pid: number, signal: Deno.Signal): void {
  ifThereSync(() => Deno.kill(pid, signal));
}

const TIMED_FAULTS: readonly Injection[] = [
  {
    name: "VM's process is killed",
    mayEnd: true,
    inject: ({ vm }) => kill(vm.pid),
  },
  {
    name: "VM's process is stopped for a while",
    inject: async ({ vm }, random) => {
      signal(vm.pid, "SIGSTOP");
      await sleep(random.below(MAXIMUM_STOP_MS));
      signal(vm.pid, "SIGCONT");
    },
  },
  {
    name: "cprctl is killed",
    apart: true,
    inject: ({ cprctl }) => cprctl?.kill("SIGKILL"),
  },
  {
    name: "cprctl is killed, then the VM's process",
    mayEnd: true,
    apart: true,
    inject: async ({ cprctl, vm }, random) => {
      cprctl?.kill("SIGKILL");
      await sleep(random.below(MAXIMUM_DELAY_MS));
      await kill(vm.pid);
    },
  },
  {
    name: "cprctl is killed, and recover twice",
    apart: true,
    inject: ({ cprctl }) => cprctl?.kill("SIGKILL"),
    after: recoverKilledTwice,
  },
  {
    name: "cprctl and the VM's process are killed, and recover twice",
    mayEnd: true,
    apart: true,
    inject: async ({ cprctl, vm }) => {
      cprctl?.kill("SIGKILL");
      await kill(vm.pid);
    },
    after: recoverKilledTwice,
  },
  {
    name: "cprctl gets SIGTERM",
    apart: true,
    inject: ({ cprctl }) => cprctl?.kill("SIGTERM"),
  },
  {
    name: "cprctl is stopped for a while",
    apart: true,
    inject: async ({ cprctl }, random) => {
      cprctl?.kill("SIGSTOP");
      await sleep(random.below(MAXIMUM_STOP_MS));
      cprctl?.kill("SIGCONT");
    },
  },
];

/** What can happen to the process of a new program beside the VM's. */
const NEW_PROCESS_FAULTS: readonly Injection[] = [
  {
    name: "new process is killed",
    mayEnd: true, // it may have run the guest
    inject: async ({ vm, builds }) => {
      const pid = newProcess(vm, builds);
      if (pid !== undefined) await kill(pid);
    },
  },
  {
    name: "new process is stopped for a while",
    inject: async ({ vm, builds }, random) => {
      const pid = newProcess(vm, builds);
      if (pid === undefined) return;
      signal(pid, "SIGSTOP");
      await sleep(random.below(MAXIMUM_STOP_MS));
      signal(pid, "SIGCONT");
    },
  },
  {
    name: "cprctl and the new process are killed, and recover twice",
    mayEnd: true,
    apart: true,
    inject: async ({ cprctl, vm, builds }) => {
      cprctl?.kill("SIGKILL");
      const pid = newProcess(vm, builds);
      if (pid !== undefined) await kill(pid);
    },
    after: recoverKilledTwice,
  },
];

/** `cprctl recover`, killed at any moment, twice. */
async function recoverKilledTwice(random: Random): Promise<void> {
  const [program = "", ...words] = SELF;
  for (let time = 0; time < 2; time++) {
    const recover = new Deno.Command(program, {
      args: [...words, "recover"],
      stdin: "null",
      stdout: "null",
    }).spawn();
    await sleep(random.below(MAXIMUM_RECOVERY_MS));
    signal(recover.pid, "SIGKILL");
    await recover.status;
  }
}

/** One such fault, decided by chance. */
export function anyMoment(random: Random, mode: Mode): Fault {
  const [faults, phases] = mode === "cpr-exec"
    ? [TIMED_FAULTS, CPR_EXEC]
    : [[...TIMED_FAULTS, ...NEW_PROCESS_FAULTS], CPR_TRANSFER];
  const { name, apart, inject, after, mayEnd = false } = random.one(faults);
  const phase = random.one(phasesOf(phases));
  const delay = random.below(MAXIMUM_DELAY_MS);
  let injected: Promise<void> | undefined;
  const begin: Action = (fixture) => {
    injected = sleep(delay).then(() => inject(fixture, random));
  };
  return {
    name,
    when: `${delay} ms after "${phase}" began`,
    ...apart === undefined ? {} : { apart },
    at: { [phase]: begin },
    after: async () => {
      await injected;
      await after?.(random);
    },
    expected: "whatever is true",
    mayEnd,
  };
}
