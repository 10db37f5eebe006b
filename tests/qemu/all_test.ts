/** cprctl update --all on several real VMs. */

import { assertEquals } from "@std/assert";
import * as v from "valibot";
import { allReportSchema } from "../../lib/update/all/all_report.ts";
import { failingProgram } from "../../testing/program/failing_program.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { runCprctl } from "../../testing/program/program.ts";
import { accelerators, Crowd } from "../../testing/qemu/mod.ts";

const builds = await qemuBuilds();
const [accelerator = "tcg"] = await accelerators(builds.old);

const CROWD = 5;
const TIMEOUT_MS = 240_000;

async function updateAll(crowd: Crowd, ...more: string[]) {
  const { code, stdout, stderr } = await runCprctl(
    ["update", "--all", crowd.pattern, "--json", ...more],
    TIMEOUT_MS,
  );
  assertEquals(stderr, "");
  return { code, report: v.parse(allReportSchema, JSON.parse(stdout)) };
}

Deno.test(`cprctl update --all moves ${CROWD} VMs and loses none`, async () => {
  await using crowd = await Crowd.boot(builds.old, CROWD, accelerator);
  const witnesses = await crowd.witnesses();
  const metrics = `${crowd.vms[0]?.folder}/cprctl.prom`;

  const { code, report } = await updateAll(
    crowd,
    ...["--binary", builds.new.binary, "--metrics", metrics],
  );

  assertEquals([code, report.summary.outcomes], [0, { updated: CROWD }]);
  for (const [at, vm] of crowd.vms.entries()) {
    assertEquals(vm.executable(), builds.new.binary);
    await witnesses[at]?.assertLivesOn();
  }
  const written = await Deno.readTextFile(metrics);
  for (const name of ["outcome", "time_seconds", "downtime_seconds"]) {
    const each = `^cprctl_vm_last_update_${name}{name="${crowd.name}-`;
    assertEquals(written.match(new RegExp(each, "gm"))?.length, CROWD);
  }
  const again = await updateAll(crowd, "--binary", builds.new.binary);
  assertEquals(
    [again.code, again.report.summary.outcomes],
    [0, { "up-to-date": CROWD }],
  );
});

Deno.test("cprctl update --all ends with the first rollback", async () => {
  await using crowd = await Crowd.boot(builds.old, 4, accelerator);
  const witnesses = await crowd.witnesses();
  const folder = crowd.vms[0]?.folder ?? "";
  const broken = failingProgram(folder, builds.new);

  const { code, report } = await updateAll(
    crowd,
    ...["--binary", broken, "--jobs", "2"],
  );

  assertEquals(code, 4);
  const { outcomes } = report.summary;
  assertEquals(outcomes["rolled-back"], 1);
  assertEquals(outcomes["updated"], undefined);
  assertEquals(report.results.length + report.left_out.length, 4);
  const back = report.results.find((it) => it.outcome === "rolled-back");
  const one = crowd.vms.find(({ pid }) => pid === back?.pid_before);
  one?.follow(back?.pid_after ?? 0);
  for (const [at, vm] of crowd.vms.entries()) {
    assertEquals(vm.executable(), builds.old.binary);
    await witnesses[at]?.assertLivesOn();
  }
});
