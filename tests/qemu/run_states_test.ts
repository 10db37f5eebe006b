/** Run states that a guest, or a debugger, brings a VM into. */

import { assertEquals, assertMatch } from "@std/assert";
import { QmpClient } from "../../lib/qmp/mod.ts";
import type { PhaseName } from "../../lib/update/phase.ts";
import { SavedState } from "../../lib/update/transaction/saved_state.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import {
  type Ending,
  orderOf,
  updateHere,
} from "../../testing/update/cprctl.ts";
import {
  DEBUGGED,
  Debugger,
  type Machine,
  PANICS,
  PLAIN,
  POWERS_OFF,
  SECOND_MONITOR,
  secondMonitor,
  until,
  VirtualMachine,
} from "../../testing/qemu/mod.ts";
import type { PortWrite } from "../../testing/qemu/guest_ram.ts";
import { runStateOf } from "../../testing/qemu/run_state.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 30_000;

async function boot(machine: Machine): Promise<VirtualMachine> {
  const extra = [...SECOND_MONITOR, ...machine.extra ?? []];
  return await VirtualMachine.boot(builds.old, { ...machine, extra }, "tcg");
}

async function updateDuring(
  vm: VirtualMachine,
  at: PhaseName,
  event: () => Promise<void>,
): Promise<Ending> {
  await using _base = await Base.make();
  const order = orderOf(vm, builds.new);
  return await updateHere(order, async (phase) => {
    if (phase === at) await event();
  });
}

/** Returns once the VM is in a state; asked at the second monitor. */
async function comesTo(vm: VirtualMachine, state: string): Promise<void> {
  await using qmp = await QmpClient.connectAgain(secondMonitor(vm.folder), {
    timeoutMs: TIMEOUT_MS,
  });
  await until(
    `the VM is ${state}`,
    TIMEOUT_MS,
    async () => await runStateOf(qmp) === state,
  );
}

interface Act {
  readonly state: string;
  readonly machine: Machine;
  readonly does: readonly PortWrite[];
}

const ERROR = "inject-error.0.event=none,inject-error.0.iotype=read";
const ACTS: readonly Act[] = [
  {
    state: "guest-panicked",
    machine: {
      ...PLAIN,
      extra: ["-device", "pvpanic", "-action", "panic=pause"],
    },
    does: [PANICS],
  },
  {
    state: "shutdown",
    machine: { ...PLAIN, extra: ["-no-shutdown"] },
    does: [POWERS_OFF],
  },
  {
    state: "io-error",
    machine: {
      name: "pc, ide, a disk that fails",
      type: "pc",
      disk: "ide-hd,bus=ide.0",
      extra: [
        ...["-blockdev", "driver=null-co,size=1048576,node-name=null"],
        ...["-blockdev", `driver=blkdebug,image=null,node-name=bad,${ERROR}`],
        ...["-device", "ide-hd,bus=ide.1,drive=bad,rerror=stop"],
      ],
    },
    // On the second channel: one sector, number 1, by LBA, READ SECTORS.
    does: [
      { port: 0x172, value: 1 },
      { port: 0x173, value: 1 },
      { port: 0x176, value: 0xe0 },
      { port: 0x177, value: 0x20 },
    ],
  },
];

for (const { state, machine, does } of ACTS) {
  for (const at of ["facts", "prepare", "migrate"] as const) {
    Deno.test(`a VM that enters ${state} before ${at} is moved, and stays in it`, async () => {
      await using vm = await boot(machine);
      const { report, said } = await updateDuring(vm, at, async () => {
        using ram = vm.ram();
        await ram.orderAll(does, TIMEOUT_MS);
        await comesTo(vm, state);
      });
      assertEquals(report?.outcome, "updated", said);
      assertEquals([vm.executable(), await vm.runState()], [
        builds.new.binary,
        state,
      ]);
    });
  }
}

for (const at of ["facts", "prepare", "migrate"] as const) {
  Deno.test(`a VM that a debugger stops before ${at} is not touched`, async () => {
    await using vm = await boot({ ...PLAIN, extra: DEBUGGED });
    using debug = await Debugger.attach(vm.folder);
    await debug.goOn();
    const { report, said } = await updateDuring(vm, at, async () => {
      await debug.step();
      await comesTo(vm, "debug");
    });
    assertEquals(report?.outcome, "refused", said);
    assertMatch(said, /run state "debug"/);
    assertEquals([vm.executable(), await vm.runState()], [
      builds.old.binary,
      "debug",
    ]);
  });
}

Deno.test("a state that was saved at a breakpoint can be loaded", async () => {
  await using vm = await boot({ ...PLAIN, extra: DEBUGGED });
  using debug = await Debugger.attach(vm.folder);
  await debug.step();
  await comesTo(vm, "debug");
  const file = `${vm.folder}/vm.state`;
  await saveWithoutRam(vm, file);
  using state = SavedState.open(file);
  assertEquals(state.keep(true), undefined);
  assertEquals(state.runState, { saved: "paused", replaced: true });

  await using other = await VirtualMachine.start(
    builds.new,
    {
      ...PLAIN,
      extra: [
        ...SECOND_MONITOR,
        ...DEBUGGED,
        ...["-incoming", "defer", "-S"],
      ],
    },
    "tcg",
  );
  await using qmp = await other.monitor();
  await qmp.execute("migrate-set-capabilities", WITHOUT_RAM);
  await qmp.execute("migrate-incoming", { uri: `file:${file}` });
  await until(
    "it is loaded",
    TIMEOUT_MS,
    async () => await runStateOf(qmp) === "paused",
  );
});

const WITHOUT_RAM = {
  capabilities: [
    { capability: "events", state: true },
    { capability: "x-ignore-shared", state: true },
  ],
};

/** Ends with the VM in postmigrate. */
async function saveWithoutRam(vm: VirtualMachine, file: string): Promise<void> {
  await using qmp = await vm.monitor();
  using watch = qmp.watch(["MIGRATION"]);
  await qmp.execute("migrate-set-capabilities", WITHOUT_RAM);
  await qmp.execute("migrate", { uri: `file:${file}` });
  await watch.next(({ data }) => data["status"] === "completed", {
    timeoutMs: TIMEOUT_MS,
  });
}
