/** What a check says, and that an update is done once. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import { GuestRam, Lab, type Vm } from "../../../testing/machine/mod.ts";
import { runCprctl } from "../../../testing/program/program.ts";
import { reported } from "../../../testing/update/cprctl.ts";

async function run(command: string, vm: Vm, ...words: string[]) {
  await (await vm.connect()).close();
  return await reported([command, "--qmp", vm.qmpPath, ...words]);
}

Deno.test("a machine on its program is up to date, but for --force", async () => {
  await using lab = await Lab.open();
  const vm = lab.start();

  const looked = { check: ["facts", "preflight"], update: ["facts"] };
  for (const [command, phases] of Object.entries(looked)) {
    const { code, report } = await run(command, vm);
    assertEquals(
      [code, report.outcome, report.changed],
      [0, "up-to-date", false],
    );
    assertEquals(report.to, report.from);
    assertEquals(report.phases.map(({ name }) => name), phases);
  }

  using ram = new GuestRam(vm.pid);
  const forced = await run("update", vm, "--force");
  assertEquals(
    [forced.code, forced.report.outcome, forced.report.changed],
    [0, "updated", true],
    forced.stdout,
  );
  await ram.ticked();
});

Deno.test("another file at the same path is another program", {
  // The portable form executes a file of its cache, whatever its own path.
  ignore: Deno.env.has("CPRCTL"),
}, async () => {
  await using lab = await Lab.open();
  const program = lab.path("deno");
  await Deno.copyFile(Deno.execPath(), program);
  const vm = lab.start({
    wrapper: ["/bin/sh", "-c", 'shift; exec "$0" "$@"', program],
  });
  assertEquals((await run("check", vm)).report.outcome, "up-to-date");

  await Deno.copyFile(Deno.execPath(), `${program}.new`);
  await Deno.rename(`${program}.new`, program);
  const replaced = await run("check", vm);
  assertEquals(
    [replaced.code, replaced.report.outcome],
    [0, "would-update"],
    replaced.stdout,
  );
  assertEquals((await run("update", vm)).report.outcome, "updated");
  assertEquals((await run("update", vm)).report.outcome, "up-to-date");

  await Deno.remove(program);
  const deleted = await run("check", vm);
  assertEquals([deleted.code, deleted.report.outcome], [3, "refused"]);
});

Deno.test("a check predicts the update, and touches nothing", async () => {
  await using lab = await Lab.open();
  const vm = lab.start();
  const { code, report } = await run("check", vm, "--force");
  assertEquals(
    [code, report.outcome],
    [0, "would-update"],
    report.error?.message,
  );
  assertEquals(report.changed, true);
  assertEquals(report.error, null);
  assertEquals(report.downtime_ms, null);
  assertEquals([report.pid_before, report.pid_after], [vm.pid, vm.pid]);
  assertEquals(
    report.phases.map(({ name }) => name),
    ["facts", "preflight"],
  );
  await using qmp = await vm.connect();
  assertEquals(await qmp.execute("query-migrate"), {});
});

Deno.test("a check says what would refuse the update", async () => {
  await using lab = await Lab.open();
  const vm = lab.start();
  const missing = lab.path("missing");
  const checked = await run("check", vm, "--binary", missing);
  assertEquals([checked.code, checked.report.outcome], [3, "refused"]);
  assertEquals(checked.report.changed, false);
  const { code, report } = await run("update", vm, "--binary", missing);
  assertEquals([code, report.outcome], [3, "refused"]);
  assertEquals(report.checks, checked.report.checks);
  assertEquals(report.error, checked.report.error);

  await (await vm.connect()).close();
  const { stdout } = await runCprctl([
    ...["check", "--qmp", vm.qmpPath, "--binary", missing, "-v"],
  ]);
  for (const { id } of report.checks) assertStringIncludes(stdout, `${id}: `);
});
