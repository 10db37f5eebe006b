/** The downtime, as it is seen from outside of the VM and of QEMU. */

import { assertEquals, assertGreater, assertMatch } from "@std/assert";
import { cprctlWords, runCprctl } from "../../testing/program/program.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { PLAIN, VirtualMachine, Witness } from "../../testing/qemu/mod.ts";
import { validateReport } from "../../testing/update/report.ts";

const builds = await qemuBuilds();
/** STOP is sent when the guest has stopped, RESUME before it runs. */
const EVENTS_MS = 2;
const BUSY = { ...PLAIN, busy: true } as const;

for (const mode of ["cpr-exec", "cpr-transfer"]) {
  Deno.test(`the guest is stopped for as long as ${mode} says`, async () => {
    await using vm = await VirtualMachine.boot(builds.old, BUSY, "tcg");
    const witness = await Witness.of(vm);
    const { code, stdout, stderr } = await runCprctl([
      ...["measure", "--pid", `${vm.pid}`, "--", ...cprctlWords()],
      ...["update", "--qmp", vm.files.qmp, "--binary", builds.new.binary],
      ...["--mode", mode, "--json"],
    ]);
    assertEquals(code, 0, stderr);
    const report = validateReport(JSON.parse(stdout));
    assertEquals([report.outcome, report.mode], ["updated", mode]);
    vm.follow(report.pid_after ?? 0);
    const [, still, every] = /stopped for ([\d.]+) ms .* every ([\d.]+) ms/
      .exec(stderr) ?? [];
    const least = (report.downtime_ms ?? NaN) - Number(every) - EVENTS_MS;
    // On a busy host it is longer, as nobody looks when it runs again.
    assertGreater(Number(still), least, stderr);
    await witness.assertLivesOn();
  });
}

Deno.test("nothing is measured of a guest that is stopped", async () => {
  await using vm = await VirtualMachine.boot(builds.old, BUSY, "tcg");
  await vm.command("stop");
  const { code, stderr } = await runCprctl([
    ...["measure", "--pid", `${vm.pid}`, "--", "true"],
  ]);
  assertEquals(code, 1, stderr);
  assertMatch(stderr, /Nothing changes in the RAM of the guest/);
});
