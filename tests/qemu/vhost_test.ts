/**
 * A VM that was given vhost descriptors: each program gets others, and none is
 * left of those before. The stand-in refuses one that another program had.
 */

import {
  assert,
  assertEquals,
  assertNotEquals,
  assertStringIncludes,
} from "@std/assert";
import { Fd } from "../../ffi/fd.ts";
import { O_RDWR } from "../../ffi/open_flags.ts";
import { UpdateProblem } from "../../lib/update/error.ts";
import { linux } from "../../lib/update/linux.ts";
import { recover, type Recovery } from "../../lib/update/recover/recover.ts";
import { VhostNet } from "../../lib/update/process/vhost_net.ts";
import type { PhaseName } from "../../lib/update/phase.ts";
import { Base } from "../../testing/program/base.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import {
  openDescriptors,
  PLAIN,
  until,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";
import { SELF } from "../../testing/update/cprctl.ts";
import { openTap, whyNoTaps } from "../../testing/qemu/tap.ts";
import {
  canHaveVhost,
  makeVhost,
  type Vhost,
} from "../../testing/qemu/vhost.ts";
import { move, moveAndReturn, tryToMove, valueOf } from "./moved.ts";

const builds = await qemuBuilds();
const PASS_TAPS =
  new URL("../../testing/linux/programs/pass_taps.ts", import.meta.url)
    .pathname;
const KILLED =
  new URL("./programs/killed_with_vhost.ts", import.meta.url).pathname;
const UPDATES = 5;
const PATIENCE_MS = 60_000;
/** The tap's queues; a shell can open the others. */
const TAPS = [91, 92];
const VHOST = [8, 9];

let made = 0;

/** What the tests have: a stand-in, and a VM that was given it. */
interface Given extends AsyncDisposable {
  readonly vhost: Vhost;
  readonly vm: VirtualMachine;
}

function test(name: string, fn: (given: Given) => Promise<void>): void {
  Deno.test({
    name,
    ignore: !canHaveVhost || whyNoTaps() !== undefined,
    async fn() {
      await using _base = await Base.make();
      const folder = await Deno.makeTempDir({ prefix: "cprctl-vhost-" });
      try {
        await using given = await giveVm(folder);
        await fn(given);
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

async function giveVm(folder: string): Promise<Given> {
  const vhost = await makeVhost(folder);
  const deno = [Deno.execPath(), "run", "--quiet", "--allow-all", PASS_TAPS];
  const taps = [`cv${Deno.pid}${made++}`, `${TAPS[0]}`, `${TAPS.length}`];
  const opened = VHOST.map((number) => `${number}<>${vhost.device}`);
  const binary = `${folder}/start`;
  await Deno.writeTextFile(
    binary,
    `#!/bin/sh\nexec ${opened.join(" ")}\n` +
      `exec ${[...deno, ...taps, builds.old.binary].join(" ")} "$@"\n`,
    { mode: 0o755 },
  );
  const vm = await VirtualMachine.boot({ ...builds.old, binary }, {
    ...PLAIN,
    environment: vhost.environment,
    extra: [
      "-netdev",
      `tap,id=n,fds=${TAPS.join(":")},vhost=on,vhostfds=${VHOST.join(":")}`,
      ...["-device", "virtio-net-pci,netdev=n,mq=on,vectors=6"],
      ...["-device", "pcie-root-port,id=p1"],
    ],
  }, "tcg");
  return { vhost, vm, [Symbol.asyncDispose]: () => vm[Symbol.asyncDispose]() };
}

/** The descriptors of the device that the VM has, lowest first. */
function devices({ vhost, vm }: Given): number[] {
  return openDescriptors(vm.pid)
    .filter(({ target }) => target === vhost.device)
    .map(({ number }) => number).sort((a, b) => a - b);
}

/** Those that its command line names. */
async function named({ vm }: Given): Promise<number[]> {
  const numbers = /vhostfds=([\d:]+)/.exec(await valueOf(vm, "-netdev") ?? "");
  return (numbers?.[1] ?? "").split(":").map(Number).sort((a, b) => a - b);
}

/** As many are open, as soon as clients of the monitor that have left are gone. */
async function hasAsMany({ vm }: Given, count: number): Promise<void> {
  const isSo = () => openDescriptors(vm.pid).length === count;
  await until(`${count} descriptors are open`, PATIENCE_MS, isSo);
}

test("every program gets vhost afresh, and leaves none behind", async (given) => {
  const { vm, vhost } = given;
  const system = linux(new VhostNet(vhost.device));
  const witness = await Witness.of(vm);
  const count = openDescriptors(vm.pid).length;
  assertEquals(devices(given), VHOST);
  for (let time = 0; time < UPDATES; time++) {
    const before = devices(given);
    await move(vm, time % 2 ? builds.old : builds.new, system);
    const now = devices(given);
    assertEquals(now, await named(given));
    assertEquals(now.length, VHOST.length);
    assert(now.every((number) => !before.includes(number)), `${now}`);
    await hasAsMany(given, count);
    assertEquals(await vm.command("query-fdsets"), []);
    await witness.assertLivesOn();
  }
  await moveAndReturn(vm, builds.old, system);
  assertEquals(devices(given), await named(given));
  assertEquals(devices(given).length, VHOST.length);
  await witness.assertLivesOn();
  await move(vm, builds.old, system);
  assertEquals(devices(given), await named(given));
  await witness.assertLivesOn();
});

test("an interface that was plugged in with vhost gets it afresh", async (given) => {
  const { vm, vhost } = given;
  const system = linux(new VhostNet(vhost.device));
  const witness = await Witness.of(vm);
  {
    await using qmp = await vm.monitor();
    using queue = openTap(`cp${Deno.pid}`);
    using device = Fd.open(vhost.device, O_RDWR);
    const passed = [["tap", queue], ["vhost", device]] as const;
    for (const [fdname, fd] of passed) {
      await qmp.execute("getfd", { fdname }, { descriptors: [fd.number] });
    }
    await qmp.execute("netdev_add", {
      ...{ type: "tap", id: "late", fd: "tap", vhostfd: "vhost" },
    });
    await qmp.execute("device_add", {
      ...{ driver: "virtio-net-pci", netdev: "late", bus: "p1" },
    });
  }
  const assertVhost = async () => {
    assertEquals(devices(given).length, VHOST.length + 1);
    assertStringIncludes(
      String(
        await vm.command("human-monitor-command", {
          "command-line": "info network",
        }),
      ),
      "late: index=0,type=tap,fd=",
    );
    await witness.assertLivesOn();
  };
  await assertVhost();
  await move(vm, builds.new, system);
  await assertVhost();
  await moveAndReturn(vm, builds.old, system);
  await assertVhost();
  await move(vm, builds.old, system);
  await assertVhost();
});

test("each attempt of a rollback gets vhost afresh", async (given) => {
  const { vm, vhost } = given;
  const witness = await Witness.of(vm);
  const system = linux(new VhostNet(vhost.device));
  let first: number | undefined;
  const report = await tryToMove(vm, builds.new, {
    observer(phase) {
      if (phase === "commit") Deno.kill(vm.pid, "SIGKILL");
    },
  }, {
    ...system,
    async destination(record, program, ...how) {
      const destination = await system.destination(record, program, ...how);
      if (program === "old" && first === undefined) {
        // It answers, so it has used what it was given.
        first = record.pid;
        Deno.kill(first, "SIGKILL");
      }
      return destination;
    },
  });
  assertEquals(report.outcome, "rolled-back", report.error?.message);
  assertNotEquals(report.pid_after, first);
  vm.follow(report.pid_after ?? 0);
  assertEquals(devices(given), VHOST);
  await witness.assertLivesOn();
});

test("a cancelled update leaves the VM with what it had", async (given) => {
  const { vm, vhost } = given;
  const witness = await Witness.of(vm);
  const count = openDescriptors(vm.pid).length;
  let meanwhile: number[] = [];
  const system = linux(new VhostNet(vhost.device));
  const report = await tryToMove(vm, builds.new, {}, {
    ...system,
    renewVhost() {
      meanwhile = devices(given);
      throw new UpdateProblem("gone", "The module was unloaded");
    },
  });
  assertEquals(report.error?.code, "cancelled");
  // Only then it has more.
  assertEquals(meanwhile.length, 2 * VHOST.length);
  assertEquals(devices(given), VHOST);
  assertEquals(await vm.command("query-fdsets"), []);
  await hasAsMany(given, count);
  await witness.assertLivesOn();
  await move(vm, builds.new, system);
  await hasAsMany(given, count);
  await witness.assertLivesOn();
});

test("a killed cprctl leaves nothing that recover does not close", async (given) => {
  const { vm, vhost } = given;
  const witness = await Witness.of(vm);
  const count = openDescriptors(vm.pid).length;
  /** Killed as a phase begins. */
  const killedAt = async (phase: PhaseName) => {
    await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--quiet", "--allow-all", KILLED],
        ...[vm.files.qmp, vhost.device, builds.new.binary, phase],
      ],
    }).output();
  };
  const recovered = async (outcome: Recovery["outcome"]) => {
    const [found] = await recover({ timeoutMs: PATIENCE_MS, self: SELF });
    assertEquals(found?.outcome, outcome, found?.message);
    vm.follow(found?.pid ?? 0);
  };
  await killedAt("migrate");
  assertEquals(devices(given).length, 2 * VHOST.length);
  await recovered("recovered");
  assertEquals(devices(given), VHOST);
  await hasAsMany(given, count);
  await witness.assertLivesOn();

  await killedAt("load");
  Deno.kill(vm.pid, "SIGKILL");
  await recovered("rolled-back");
  assertEquals(devices(given), VHOST);
  await witness.assertLivesOn();

  await killedAt("verify");
  await recovered("recovered");
  assertEquals(devices(given), await named(given));
  assert(devices(given).every((number) => !VHOST.includes(number)));
  await witness.assertLivesOn();
});

test("a device that is not there is refused by name", async (given) => {
  const { vm, vhost } = given;
  const system = linux(new VhostNet(`${vhost.device}-not`));
  const report = await tryToMove(vm, builds.new, {}, system);
  assertEquals(report.outcome, "refused");
  assertEquals(report.checks.find(({ verdict }) => verdict === "refuse"), {
    id: "new-command",
    verdict: "refuse",
    detail: `The vhost descriptor of "${
      "-netdev " +
      await valueOf(vm, "-netdev")
    }" cannot be replaced: Cannot open ` +
      `${vhost.device}-not again: No such file or directory (ENOENT)`,
    remedy: "Load the kernel module vhost_net",
  });
  assertEquals(devices(given), VHOST);
});

test("no other mode is used with vhost", async (given) => {
  const { vm, vhost } = given;
  const system = linux(new VhostNet(vhost.device));
  for (const mode of ["cpr-transfer", "live"] as const) {
    const report = await tryToMove(vm, builds.new, { mode }, system);
    assertEquals(report.outcome, "refused");
    const found = report.checks.find(({ id }) => id === "transfer-arguments");
    assertStringIncludes(found?.detail ?? "", "vhostfds=");
  }
});
