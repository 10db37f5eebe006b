/** VMs whose monitor is a listening socket that was passed by its number. */

import { assertEquals, assertNotEquals } from "@std/assert";
import type { PhaseName } from "../../lib/update/phase.ts";
import { recover } from "../../lib/update/recover/recover.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import { Cprctl, SELF, updateHere } from "../../testing/update/cprctl.ts";
import { Witness } from "../../testing/qemu/mod.ts";
import { PassedMonitor } from "../../testing/qemu/passed_monitor.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 30_000;

function orderOf({ qmp }: PassedMonitor) {
  return { qmp, binary: builds.new.binary, timeoutMs: TIMEOUT_MS };
}

/** An update whose new program dies as a phase begins; the VM is rolled back. */
async function goesBack(
  passed: PassedMonitor,
  witness: Witness,
): Promise<void> {
  const { vm } = passed;
  const { report, said } = await updateHere(orderOf(passed), (phase) => {
    if (phase === "load") Deno.kill(vm.pid, "SIGKILL");
  });
  assertEquals(report?.outcome, "rolled-back", said);
  vm.follow(report?.pid_after ?? 0);
  assertEquals(vm.executable(), builds.old.binary);
  await witness.assertLivesOn();
}

Deno.test("is rolled back repeatedly, then updated", async () => {
  await using _base = await Base.make();
  await using passed = await PassedMonitor.boot(builds.old);
  const { vm } = passed;
  const witness = await Witness.of(vm);
  const { pid } = vm;
  for (let time = 0; time < 3; time++) await goesBack(passed, witness);
  assertNotEquals(vm.pid, pid);
  const { report, said } = await updateHere(orderOf(passed));
  assertEquals(report?.outcome, "updated", said);
  assertEquals(vm.executable(), builds.new.binary);
  await witness.assertLivesOn();
});

const KILLS: readonly {
  readonly at: PhaseName;
  readonly vm: boolean;
  readonly outcome: "recovered" | "rolled-back";
}[] = [
  { at: "switchover", vm: false, outcome: "recovered" },
  { at: "commit", vm: false, outcome: "recovered" },
  { at: "load", vm: true, outcome: "rolled-back" },
];

for (const { at, vm: alsoVm, outcome } of KILLS) {
  const whose = alsoVm ? "and the new program " : "";
  Deno.test(`is recovered when cprctl ${whose}ended before ${at}`, async () => {
    await using _base = await Base.make();
    await using passed = await PassedMonitor.boot(builds.old);
    const { vm } = passed;
    const witness = await Witness.of(vm);
    {
      await using cprctl = Cprctl.start(orderOf(passed));
      await cprctl.run((phase) => {
        if (phase !== at) return;
        if (alsoVm) Deno.kill(vm.pid, "SIGKILL");
        cprctl.kill("SIGKILL");
      });
    }
    const [recovery] = await recover({ timeoutMs: TIMEOUT_MS, self: SELF });
    assertEquals(recovery?.outcome, outcome, recovery?.message);
    vm.follow(recovery?.pid ?? 0);
    await witness.assertLivesOn();
    if (outcome === "rolled-back") await goesBack(passed, witness);
  });
}
