/** A guest that resets, powers off, panics or sleeps. */

import { assertMatch } from "@std/assert";
import { until } from "../../../testing/program/until.ts";
import type { Action } from "../harness/action.ts";
import type { LinuxMachine } from "../harness/linux_machine.ts";

const ANSWERS_AGAIN_MS = 300_000;
const PANIC = "echo c >/proc/sysrq-trigger";
const POWER_OFF = "poweroff -f";
const PVPANIC = ["-device", "pvpanic-pci"];

/** Sends what the guest does not live to answer; waits for the event. */
const by = (event: string, command: string) => (vm: LinuxMachine) =>
  vm.guestDoes(command, event);

/** The guest runs, and Linux has not been told of anything unusual. */
export async function answers(vm: LinuxMachine): Promise<void> {
  await vm.agent.run("true", ANSWERS_AGAIN_MS);
}

async function staysAsItIs(): Promise<void> {
  // Its run state says all there is.
}

/** The process of the VM ends with its guest: no update, and no fault of it. */
const ENDS = {
  outcomes: ["shut-down"],
  says: /its guest (powered it off|panicked)/,
} as const satisfies Partial<Action>;

async function wakesUp(vm: LinuxMachine): Promise<void> {
  await vm.command("system_wakeup");
  await answers(vm);
  assertMatch(await vm.agent.run("dmesg"), /PM: suspend exit/);
}

/** In the order in which people read them. */
export const POWER: readonly Action[] = [
  {
    name: "resets",
    short: "migrate",
    act: by("RESET", "echo b >/proc/sysrq-trigger"),
    outcomes: ["updated"],
    runState: "running",
    after: answers,
  },
  {
    name: "powers off",
    short: "prepare",
    act: by("SHUTDOWN", POWER_OFF),
    ...ENDS,
    after: staysAsItIs,
  },
  {
    name: "powers off, with -no-shutdown",
    machine: { extra: ["-no-shutdown"] },
    act: by("SHUTDOWN", POWER_OFF),
    outcomes: ["updated"],
    runState: "shutdown",
    after: staysAsItIs,
  },
  {
    name: "panics, with panic=pause",
    machine: { extra: [...PVPANIC, "-action", "panic=pause"] },
    act: by("GUEST_PANICKED", PANIC),
    outcomes: ["updated"],
    runState: "guest-panicked",
    after: staysAsItIs,
  },
  {
    name: "panics, with panic=shutdown",
    machine: { extra: [...PVPANIC, "-action", "panic=shutdown"] },
    act: by("GUEST_PANICKED", PANIC),
    ...ENDS,
    after: staysAsItIs,
  },
  {
    name: "panics, with panic=none",
    machine: { extra: [...PVPANIC, "-action", "panic=none"] },
    act: by("GUEST_PANICKED", PANIC),
    outcomes: ["updated"],
    runState: "running",
    after: answers,
  },
  {
    name: "suspends to RAM",
    short: "migrate",
    act: by("SUSPEND", "echo mem >/sys/power/state"),
    outcomes: ["updated"],
    runState: "suspended",
    after: wakesUp,
  },
  {
    name: "is suspended to RAM already",
    before: async (vm) => {
      await by("SUSPEND", "echo mem >/sys/power/state")(vm);
    },
    act: () => Promise.resolve(),
    outcomes: ["updated"],
    runState: "suspended",
    after: wakesUp,
  },
  {
    name: "suspends to idle",
    act: async (vm) => {
      using _command = await vm.agent.begin(
        "echo s2idle >/sys/power/mem_sleep; echo mem >/sys/power/state",
      );
      await until(
        "the guest goes to sleep",
        ANSWERS_AGAIN_MS,
        async () => (await vm.consoleText()).includes("PM: suspend entry"),
      );
    },
    outcomes: ["updated"],
    runState: "running",
    after: staysAsItIs, // nothing that QEMU has wakes Linux from this one
  },
];
