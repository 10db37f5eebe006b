/** The built file on a clean machine. */

import { assertEquals } from "@std/assert";
import { validateReport } from "../../testing/update/report.ts";
import { VERSION } from "../../lib/version.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { AloneProgram } from "./alone.ts";
import { PLAIN, VirtualMachine, Witness } from "../../testing/qemu/mod.ts";

const builds = await qemuBuilds();

Deno.test("the single file prints its version, runs the demo and moves a VM", async (t) => {
  await using program = await AloneProgram.make();

  await t.step("version", async () => {
    const { code, stdout, stderr } = await program.run(["version", "--json"]);
    assertEquals([code, stderr], [0, ""]);
    assertEquals(JSON.parse(stdout).version, VERSION);
  });

  await t.step("demo", async () => {
    const { code, stdout, stderr } = await program.run(["demo", "--json"]);
    assertEquals([code, stderr], [0, ""]);
    assertEquals(validateReport(JSON.parse(stdout)).outcome, "updated");
  });

  await t.step("update", async () => {
    await using vm = await VirtualMachine.boot(builds.old, PLAIN, "tcg");
    const witness = await Witness.of(vm);
    const { code, stdout, stderr } = await program.run([
      "update",
      ...["--qmp", vm.files.qmp, "--binary", builds.new.binary, "--json"],
    ]);
    assertEquals(code, 0, `${stdout}${stderr}`);
    const report = validateReport(JSON.parse(stdout));
    assertEquals([report.outcome, report.warnings], ["updated", []]);
    assertEquals([report.pid_after, vm.executable()], [
      vm.pid,
      builds.new.binary,
    ]);
    await witness.assertLivesOn();
  });

  await t.step("it leaves nothing beside itself", () => {
    const names = [...Deno.readDirSync(program.folder)].map((it) => it.name);
    assertEquals(names.sort(), ["cprctl", "cprctl.sha256"]); // of the build
  });
});
