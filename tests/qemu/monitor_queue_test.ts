/**
 * Clients that wait at the socket of a passed monitor: it outlives its program,
 * and the next one serves them first.
 */

import { assertEquals } from "@std/assert";
import { PidFd } from "../../ffi/process.ts";
import { recover } from "../../lib/update/recover/recover.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import { Cprctl, SELF, updateHere } from "../../testing/update/cprctl.ts";
import { inTime, Witness } from "../../testing/qemu/mod.ts";
import { PassedMonitor } from "../../testing/qemu/passed_monitor.ts";
import { kill } from "../../testing/update/members.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 30_000;

/** Clients that connect and say nothing, until the monitor's next program. */
class Crowd implements Disposable {
  readonly #connections: Deno.UnixConn[] = [];

  async join(path: string): Promise<void> {
    this.#connections.push(await Deno.connect({ transport: "unix", path }));
  }

  /** Whether each has been told that its connection is over. */
  async assertAllEnded(): Promise<void> {
    for (const connection of this.#connections) {
      const bytes = connection.read(new Uint8Array(1)).catch(() => null);
      assertEquals(
        await inTime("the connection ends", TIMEOUT_MS, bytes),
        null,
      );
    }
  }

  [Symbol.dispose](): void {
    for (const connection of this.#connections) connection.close();
  }
}

for (const outcome of ["updated", "rolled-back"] as const) {
  Deno.test(`waiting clients do not delay a VM that is ${outcome}`, async () => {
    await using _base = await Base.make();
    await using passed = await PassedMonitor.boot(builds.old);
    const { vm, qmp } = passed;
    const witness = await Witness.of(vm);
    using crowd = new Crowd();
    const order = { qmp, binary: builds.new.binary, timeoutMs: TIMEOUT_MS };
    const { report, said } = await updateHere(order, async (phase) => {
      if (["migrate", "switchover", "rollback"].includes(phase)) {
        await crowd.join(qmp);
      }
      if (phase === "load" && outcome === "rolled-back") {
        await kill(vm.pid);
      }
    });
    assertEquals(report?.outcome, outcome, said);
    vm.follow(report?.pid_after ?? 0);
    await witness.assertLivesOn();
    await crowd.assertAllEnded();
  });
}

Deno.test("waiting clients do not delay recover", async () => {
  await using _base = await Base.make();
  await using passed = await PassedMonitor.boot(builds.old);
  const { vm, qmp } = passed;
  const witness = await Witness.of(vm);
  using crowd = new Crowd();
  {
    const order = { qmp, binary: builds.new.binary, timeoutMs: TIMEOUT_MS };
    await using cprctl = Cprctl.start(order);
    await cprctl.run(async (phase) => {
      if (phase !== "load") return;
      using process = PidFd.open(vm.pid);
      process.sendSignal("SIGKILL");
      cprctl.kill("SIGKILL");
      assertEquals(await process.exited(TIMEOUT_MS), true);
    });
  }
  await crowd.join(qmp);
  const [recovery] = await recover({ timeoutMs: TIMEOUT_MS, self: SELF });
  assertEquals(recovery?.outcome, "rolled-back", recovery?.message);
  vm.follow(recovery?.pid ?? 0);
  await witness.assertLivesOn();
  await crowd.assertAllEnded();
});
