/** What `cprctl recover` finds, and what it must leave alone. */

import { assertEquals, assertMatch } from "@std/assert";
import type { PhaseName } from "../../lib/update/phase.ts";
import { recover, type Recovery } from "../../lib/update/recover/recover.ts";
import { qemuBuilds, toolOf } from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import {
  Cprctl,
  type Order,
  orderOf,
  SELF,
  updateHere,
} from "../../testing/update/cprctl.ts";
import { kill, membersOf } from "../../testing/update/members.ts";
import { runDirectories } from "../../testing/update/fixture.ts";
import {
  commandOfAnother,
  PLAIN,
  SECOND_MONITOR,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";
import { Stranger } from "../../testing/program/stranger.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 30_000;
const REQUEST = { timeoutMs: TIMEOUT_MS, self: SELF };

function boot(extra: readonly string[] = []): Promise<VirtualMachine> {
  return VirtualMachine.boot(builds.old, { ...PLAIN, extra }, "tcg");
}

/** As if cprctl had been killed right after it let the guest run. */
async function killAfterResumption(vm: VirtualMachine): Promise<void> {
  await using cprctl = Cprctl.start(orderOf(vm, builds.new));
  await cprctl.run(async (phase) => {
    if (phase !== "commit") return;
    for (const path of await runDirectories(vm.pid)) {
      await Deno.writeTextFile(`${path}/resumed`, "");
    }
    await commandOfAnother(vm, "cont");
    cprctl.kill("SIGKILL");
  });
}

/** An update whose cprctl is killed as a phase begins. */
async function killAt(at: PhaseName, order: Order): Promise<void> {
  await using cprctl = Cprctl.start(order);
  await cprctl.run((phase) => {
    if (phase === at) cprctl.kill("SIGKILL");
  });
}

async function endProcess(pid: number): Promise<void> {
  await kill(pid);
}

async function assertPutBack(
  vm: VirtualMachine,
  witness: Witness,
): Promise<void> {
  const [recovery] = await recover(REQUEST);
  assertEquals(recovery?.outcome, "rolled-back", recovery?.message);
  vm.follow(recovery?.pid ?? 0);
  assertEquals(vm.executable(), builds.old.binary);
  await witness.assertLivesOn();
}

function told(recoveries: readonly Recovery[]): string {
  return recoveries.map(({ outcome, message }) => `${outcome}: ${message}`)
    .join("\n");
}

Deno.test("a running guest is left alone while its monitor is busy", async () => {
  await using _base = await Base.make();
  await using vm = await boot(SECOND_MONITOR);
  const witness = await Witness.of(vm);
  await killAfterResumption(vm);
  const holder = await vm.monitor();
  try {
    assertMatch(told(await recover(REQUEST)), /^needs-person: Another client/);
  } finally {
    await holder.close();
  }
  assertMatch(
    told(await recover(REQUEST)),
    /^(recovered: .* runs on QEMU 11\.1\.\d)?$/,
  );
  assertEquals(vm.executable(), builds.new.binary);
  await witness.assertLivesOn();
});

Deno.test("a running guest is left alone while its process is stopped", async () => {
  await using _base = await Base.make();
  await using vm = await boot(SECOND_MONITOR);
  const witness = await Witness.of(vm);
  await killAfterResumption(vm);
  Deno.kill(vm.pid, "SIGSTOP");
  try {
    assertMatch(told(await recover(REQUEST)), /^needs-person: .* is stopped$/);
  } finally {
    Deno.kill(vm.pid, "SIGCONT");
  }
  assertMatch(
    told(await recover(REQUEST)),
    /^(recovered: .* runs on QEMU 11\.1\.\d)?$/,
  );
  assertEquals(vm.executable(), builds.new.binary);
  await witness.assertLivesOn();
});

Deno.test("a guest that has run, and whose process is gone, is not rolled back", async () => {
  await using _base = await Base.make();
  await using vm = await boot(SECOND_MONITOR);
  await killAfterResumption(vm);
  await endProcess(vm.pid);
  assertMatch(
    told(await recover(REQUEST)),
    /^needs-person: .*may have resumed/,
  );
  assertEquals(
    membersOf(vm.folder).map((it) => it.pid).includes(vm.pid),
    false,
  );
});

Deno.test("a failed attempt keeps the memory for the next one", async () => {
  await using _base = await Base.make();
  await using vm = await boot();
  const witness = await Witness.of(vm);
  const { disk } = vm.files;
  const order = orderOf(vm, builds.new, 30_000);
  const { exitCode, said } = await updateHere(order, async (phase) => {
    if (phase !== "load") return;
    await Deno.rename(disk, `${disk}.away`);
    Deno.kill(vm.pid, "SIGKILL");
  });
  assertEquals(exitCode, 5, said);
  const impatient = { ...REQUEST, timeoutMs: 500 };
  for (let time = 0; time < 2; time++) {
    assertMatch(told(await recover(impatient)), /^needs-person: .* is kept$/);
  }
  await Deno.rename(`${disk}.away`, disk);
  await assertPutBack(vm, witness);
});

Deno.test("a stranger at the monitor is not taken for the VM", async () => {
  await using _base = await Base.make();
  const folder = await Deno.makeTempDir({ prefix: "cprctl-test-" });
  try {
    const qmp = `${folder}/qmp`;
    const monitor = ["-qmp", `unix:${qmp},server=on,wait=off`];
    {
      await using vm = await boot(monitor);
      await killAt("migrate", { ...orderOf(vm, builds.new), qmp });
    }
    await using stranger = await VirtualMachine.start(
      builds.old,
      { ...PLAIN, extra: [...monitor, "-S"] },
      "tcg",
    );
    await stranger.command("migrate-set-parameters", { mode: "cpr-reboot" });
    assertMatch(
      told(await recover(REQUEST)),
      new RegExp(`^needs-person: Process ${stranger.pid} answers`),
    );
    const parameters = await stranger.command("query-migrate-parameters");
    assertMatch(JSON.stringify(parameters), /"mode":"cpr-reboot"/);
    assertEquals(await stranger.runState(), "prelaunch");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("an unreadable journal does not prevent the recovery of others", async () => {
  await using base = await Base.make();
  await using vm = await boot();
  const witness = await Witness.of(vm);
  await killAt("switchover", orderOf(vm, builds.new));
  await Deno.mkdir(`${base.path}/1-other`);
  await Deno.writeTextFile(`${base.path}/1-other/journal.json`, "{");
  const said = told(await recover(REQUEST));
  assertMatch(
    said,
    /^needs-person: Cannot read the run directory ".*1-other"/m,
  );
  assertMatch(said, /^recovered: .* runs/m);
  await witness.assertLivesOn();
});

Deno.test("a guest that was not resumed can be rolled back later", async () => {
  await using _base = await Base.make();
  await using vm = await boot();
  const witness = await Witness.of(vm);
  await killAt("commit", orderOf(vm, builds.new));
  {
    const image = ["-f", "raw", vm.files.disk];
    await using thief = new Stranger([toolOf(builds.new, "qemu-io"), ...image]);
    await thief.ask("length");
    assertMatch(told(await recover(REQUEST)), /^needs-person: .*lock/);
  }
  await endProcess(vm.pid);
  await assertPutBack(vm, witness);
});

Deno.test("a VM whose program ends while recover waits is rolled back", async () => {
  await using _base = await Base.make();
  await using vm = await boot();
  const witness = await Witness.of(vm);
  await killAt("commit", orderOf(vm, builds.new));
  Deno.kill(vm.pid, "SIGSTOP");
  setTimeout(() => Deno.kill(vm.pid, "SIGKILL"), 1_000);
  await assertPutBack(vm, witness);
});

/** Milliseconds in which recover comes to ask the program. */
for (const delay of [20, 30, 40, 50, 60]) {
  Deno.test(`recover survives an exec that begins ${delay} ms after it`, async () => {
    await using _base = await Base.make();
    await using vm = await boot();
    const witness = await Witness.of(vm);
    const { exitCode, said } = await updateHere(
      orderOf(vm, builds.new, 10_000),
      (phase) => {
        if (phase === "switchover") Deno.kill(vm.pid, "SIGSTOP");
      },
    );
    assertEquals(exitCode, 5, said);
    setTimeout(() => Deno.kill(vm.pid, "SIGCONT"), delay);
    assertMatch(told(await recover(REQUEST)), /^recovered: .* runs/);
    await witness.assertLivesOn();
  });
}
