/** cpr-transfer: another process takes the VM over, or the VM's own goes on. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { PhaseName } from "../../lib/update/phase.ts";
import type { Json } from "../../lib/qmp/mod.ts";
import { LINUX } from "../../lib/update/linux.ts";
import { UpdateProblem } from "../../lib/update/error.ts";
import { recover } from "../../lib/update/recover/recover.ts";
import type { Report } from "../../lib/update/report/report.ts";
import { Base } from "../../testing/program/base.ts";
import { runCprctl } from "../../testing/program/program.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { GUEST } from "../../testing/qemu/guest.ts";
import {
  accelerators,
  type Machine,
  MACHINES,
  openDescriptors,
  PLAIN,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";
import { assertAlone } from "../qemu/nothing_left.ts";
import {
  Cprctl,
  SELF,
  successOf,
  updateHere,
} from "../../testing/update/cprctl.ts";
import {
  lieOnceLoaded,
  withDestination,
} from "../../testing/update/destination.ts";
import { Fixture, runDirectories } from "../../testing/update/fixture.ts";
import { ifThereSync } from "../../lib/gone.ts";
import { newProcess } from "../../testing/update/members.ts";
import { adds, EXITS, HANGS } from "../faults/harness/bad_programs.ts";
import { tryToMove } from "../qemu/moved.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 30_000;
const all = await accelerators(builds.old);
const [FIRST = "tcg"] = all;
const AT: readonly PhaseName[] = ["migrate", "switchover", "verify", "commit"];

const TRANSFER = { mode: "cpr-transfer" } as const;

function orderOf(vm: VirtualMachine, binary = builds.new.binary) {
  return { qmp: vm.files.qmp, binary, timeoutMs: TIMEOUT_MS, ...TRANSFER };
}

/** By the command, as people use it. */
async function move(vm: VirtualMachine, binary: string): Promise<Report> {
  return await successOf([
    ...["update", "--mode", "cpr-transfer"],
    ...["--qmp", vm.files.qmp, "--binary", binary],
  ]);
}

/** The guest's counter has 32 bits, and is soon at zero again. */
async function restartCounter(vm: VirtualMachine): Promise<void> {
  if (vm.machine.paused) return;
  await vm.command("stop");
  {
    using ram = vm.ram();
    ram.write(GUEST.counter, new Uint8Array(4));
  }
  await vm.command("cont");
}

async function moveAway(
  machine: Machine,
  accelerator: "kvm" | "tcg",
): Promise<void> {
  await using vm = await VirtualMachine.boot(builds.old, machine, accelerator);
  if (machine.paused) await vm.command("stop");
  for (const build of [builds.new, builds.old]) {
    const { pid } = vm;
    await restartCounter(vm);
    const witness = await Witness.of(vm);
    const report = await move(vm, build.binary);
    assertEquals([report.outcome, report.mode], ["updated", "cpr-transfer"]);
    assertEquals(report.warnings, []);
    assertEquals(report.downtime_ms === null, machine.paused === true);
    assertEquals([report.pid_before, report.pid_after === pid], [pid, false]);
    vm.follow(report.pid_after ?? 0);
    assertEquals(vm.executable(), build.binary);
    assertEquals(await vm.version(), build.version);
    await assertAlone(vm, pid);
    if (machine.daemonize) {
      const written = await Deno.readTextFile(vm.files.pidfile);
      assertEquals(Number(written), vm.pid);
    }
    if (machine.paused) {
      await witness.assertStandsStill();
      continue;
    }
    assertEquals(await vm.runState(), "running");
    await witness.assertLivesOn();
  }
  if (machine !== PLAIN) return;
  await restartCounter(vm);
  // What cpr-exec makes of it is an ordinary command line again.
  const witness = await Witness.of(vm);
  const { code, stdout, stderr } = await runCprctl([
    ...["update", "--qmp", vm.files.qmp, "--binary", builds.new.binary],
  ]);
  assertEquals(code, 0, `${stdout}${stderr}`);
  const argv = await Deno.readTextFile(`/proc/${vm.pid}/cmdline`);
  assertEquals(argv.includes(".cpr"), false);
  await witness.assertLivesOn();
}

const OF_ANOTHER_USER = { ...PLAIN, name: "q35, another user", user: 4711 };

// Every other one on each accelerator, if there are two.
for (const [at, machine] of [...MACHINES, OF_ANOTHER_USER].entries()) {
  if (machine.user !== undefined && Deno.uid() !== 0) continue;
  // Another user may not open /dev/kvm everywhere.
  const turn = machine.user === undefined ? at % all.length : 0;
  const accelerator = all[turn] ?? FIRST;
  Deno.test(`cpr-transfer there and back: ${machine.name} (${accelerator})`, () =>
    moveAway(machine, accelerator));
}

/** What is done to an update, and how it is to end. */
interface Trouble {
  readonly name: string;
  readonly at: PhaseName;
  readonly act: (fixture: Fixture) => void;
  readonly says: RegExp;
  readonly timeoutMs?: number;
}

const kill = (signal: Deno.Signal) => ({ vm }: Fixture) => {
  const pid = newProcess(vm, builds);
  assert(pid !== undefined, "There is no new program");
  Deno.kill(pid, signal);
};

const TROUBLES: readonly Trouble[] = [
  {
    name: "the new program is gone",
    at: "migrate",
    act: ({ binary }) => Deno.removeSync(binary),
    says: /new program does not start/,
  },
  {
    name: "the new program exits",
    at: "migrate",
    act: (fixture) => fixture.replaceBinary(EXITS),
    says: /process \d+ ended: exit status 3/,
  },
  {
    name: "the new program hangs before it listens",
    at: "migrate",
    act: (fixture) => fixture.replaceBinary(HANGS),
    says: /does not listen at/,
    timeoutMs: 15_000,
  },
  {
    name: "the new program has a device more",
    at: "migrate",
    act: (fixture) =>
      fixture.replaceBinary(
        adds(fixture.builds.new.binary, "-device", "virtio-rng-pci"),
      ),
    says: /does not have the same VM/,
  },
  {
    name: "the new program has other RAM",
    at: "migrate",
    act: (fixture) =>
      fixture.replaceBinary(adds(fixture.builds.new.binary, "-m", "32M")),
    says: /process \d+ ended/,
  },
  ...(["switchover", "verify", "commit"] as const).map((at): Trouble => ({
    name: `the new program is killed`,
    at,
    act: kill("SIGKILL"),
    says: /process \d+ ended|monitor/,
  })),
  ...(["switchover", "verify", "commit"] as const).map((at): Trouble => ({
    name: `the new program is stopped`,
    at,
    act: kill("SIGSTOP"),
    says: /process \d+ is stopped/i,
  })),
];

for (const { name, at, act, says, timeoutMs = TIMEOUT_MS } of TROUBLES) {
  Deno.test(`${at}: ${name}: the old one resumes`, async () => {
    await using vm = await VirtualMachine.boot(builds.old, PLAIN, FIRST);
    await using fixture = new Fixture(vm, builds);
    await restartCounter(vm);
    const witness = await Witness.of(vm);
    const order = { ...orderOf(vm, fixture.binary), timeoutMs };
    const { report, said } = await updateHere(order, (phase) => {
      if (phase === at) act(fixture);
    });
    assertEquals(report?.outcome, "rolled-back", said);
    assertMatch(said, says);
    assertEquals(report?.pid_after, vm.pid);
    assertEquals(vm.executable(), builds.old.binary);
    assertEquals(await vm.runState(), "running");
    await assertAlone(vm, vm.pid);
    await witness.assertLivesOn();
    // And it can be moved afterwards.
    await restartCounter(vm);
    const next = await Witness.of(vm);
    const moved = await move(vm, builds.new.binary);
    vm.follow(moved.pid_after ?? 0);
    await next.assertLivesOn();
  });
}

/** How often a process has /dev/null open, which closed descriptors become. */
function nullsOf(pid: number): number {
  return openDescriptors(pid)
    .filter(({ target }) => target === "/dev/null").length;
}

/** A new program that says what is not true, in its answer to one query. */
const LIES: readonly { command: string; says: Json; message: RegExp }[] = [
  {
    command: "query-status",
    says: { running: false, status: "inmigrate" },
    message: /reports that it has loaded the VM, but does not have it/,
  },
  { command: "query-pci", says: [], message: /does not have the same VM/ },
];

for (const { command, says, message } of LIES) {
  Deno.test(`the new program lies at ${command}: the old one goes on`, async () => {
    await using vm = await VirtualMachine.boot(builds.old, PLAIN, FIRST);
    const witness = await Witness.of(vm);
    const lying = withDestination((it) => lieOnceLoaded(it, command, says));
    const report = await tryToMove(vm, builds.new, TRANSFER, lying);
    assertEquals(report.outcome, "rolled-back");
    assertMatch(report.error?.message ?? "", message);
    await assertAlone(vm, vm.pid);
    await witness.assertLivesOn();
  });
}

for (const at of AT) {
  Deno.test(`cprctl is killed at ${at}: recover completes it`, async () => {
    await using _base = await Base.make();
    await using vm = await VirtualMachine.boot(builds.old, PLAIN, FIRST);
    const witness = await Witness.of(vm);
    const nulls = nullsOf(vm.pid);
    await using cprctl = Cprctl.start(orderOf(vm));
    await cprctl.run((phase) => {
      if (phase === at) cprctl.kill("SIGKILL");
    });
    const before = vm.pid;
    const [recovery] = await recover({ timeoutMs: TIMEOUT_MS, self: SELF });
    assertEquals(recovery?.outcome, "recovered", recovery?.message);
    vm.follow(recovery?.pid ?? 0);
    if (vm.pid === before) assertEquals(nullsOf(before), nulls);
    assertEquals(await vm.runState(), "running");
    await assertAlone(vm, before);
    await witness.assertLivesOn();
  });
}

Deno.test("cprctl and the source are killed: recover spares the new one", async () => {
  await using _base = await Base.make();
  await using vm = await VirtualMachine.boot(builds.old, PLAIN, FIRST);
  const witness = await Witness.of(vm);
  await using cprctl = Cprctl.start(orderOf(vm));
  const before = vm.pid;
  await cprctl.run((phase) => {
    if (phase === "commit") {
      cprctl.kill("SIGKILL");
      Deno.kill(before, "SIGKILL"); // it takes a while to end
    }
  });
  const [recovery] = await recover({ timeoutMs: TIMEOUT_MS, self: SELF });
  assertEquals(recovery?.outcome, "recovered", recovery?.message);
  vm.follow(recovery?.pid ?? 0);
  assertEquals(vm.executable(), builds.new.binary);
  await assertAlone(vm, before);
  await witness.assertLivesOn();
});

Deno.test("the guest may have run: recover resumes only the new one", async () => {
  await using _base = await Base.make();
  await using vm = await VirtualMachine.boot(builds.old, PLAIN, FIRST);
  const witness = await Witness.of(vm);
  await using cprctl = Cprctl.start(orderOf(vm));
  await cprctl.run(async (phase) => {
    if (phase !== "commit") return;
    for (const path of await runDirectories(vm.pid)) {
      await Deno.writeTextFile(`${path}/resumed`, "");
    }
    cprctl.kill("SIGKILL");
  });
  const before = vm.pid;
  const [recovery] = await recover({ timeoutMs: TIMEOUT_MS, self: SELF });
  assertEquals(recovery?.outcome, "recovered", recovery?.message);
  assertMatch(recovery?.message ?? "", /as process \d+$/);
  vm.follow(recovery?.pid ?? 0);
  assertEquals(vm.executable(), builds.new.binary);
  await assertAlone(vm, before);
  await witness.assertLivesOn();
});

/** QEMU's own locks do not keep two programs from running such a VM. */
const SHARED = { ...PLAIN, disk: "virtio-blk-pci,share-rw=on" };

for (const fails of [false, true]) {
  const what = fails ? "that goes on" : "that is moved";
  Deno.test(`a VM without locks ${what} never runs twice`, async () => {
    await using vm = await VirtualMachine.boot(builds.old, SHARED, FIRST);
    const witness = await Witness.of(vm);
    const old = vm.pid;
    const seen: string[] = [];
    const report = await tryToMove(vm, builds.new, TRANSFER, {
      ...withDestination((destination) => {
        const resume = destination.resume.bind(destination);
        destination.resume = async () => {
          seen.push(`cont on the new one, and the old one is ${stateOf(old)}`);
          if (fails) throw new UpdateProblem("broken", "It is broken");
          const event = await resume();
          seen.push(`it runs, and the old one is ${stateOf(old)}`);
          return event;
        };
      }),
      reconnect: (...args) => {
        const other = newProcess(vm, builds);
        const isOver = other === undefined || isEnding(other);
        seen.push(`the old one goes on, and the new one ends: ${isOver}`);
        return LINUX.reconnect(...args);
      },
    });
    assertEquals(report.outcome, fails ? "rolled-back" : "updated");
    assertEquals(seen, [
      "cont on the new one, and the old one is T",
      fails
        ? "the old one goes on, and the new one ends: true"
        : "it runs, and the old one is T",
    ]);
    vm.follow(report.pid_after ?? 0);
    await assertAlone(vm, old);
    await witness.assertLivesOn();
  });
}

const PF_EXITING = 0x4;
const SIGKILL_PENDING = 1n << 8n;

/** Whether no thread of a process will ever leave the kernel. */
function isEnding(pid: number): boolean {
  const tasks = `/proc/${pid}/task`;
  return [...Deno.readDirSync(tasks)].every(({ name }) => {
    const status = ifThereSync(() =>
      Deno.readTextFileSync(`${tasks}/${name}/status`)
    );
    const stat = ifThereSync(() =>
      Deno.readTextFileSync(`${tasks}/${name}/stat`)
    );
    if (status === undefined || stat === undefined) return true;
    const [, pending = "0"] = /^SigPnd:\t(\w+)$/m.exec(status) ?? [];
    const flags = stat.slice(stat.lastIndexOf(")")).split(" ")[7];
    return (BigInt(`0x${pending}`) & SIGKILL_PENDING) !== 0n ||
      (Number(flags) & PF_EXITING) !== 0;
  });
}

/** Of its main thread: "T" when it is stopped. */
function stateOf(pid: number): string | undefined {
  return /^State:\t(\w)/m.exec(Deno.readTextFileSync(`/proc/${pid}/status`))
    ?.[1];
}
