import { assertEquals } from "@std/assert";
import { failingProgram } from "../../testing/program/failing_program.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { reported } from "../../testing/update/cprctl.ts";
import { IS_WHOLE } from "./harness/whole.ts";
import { LinuxMachine } from "./harness/mod.ts";
import { Load } from "./harness/load.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 120_000;
/** Every third is rolled back. */
const ROUNDS = IS_WHOLE ? 30 : 9;

Deno.test("a Linux guest under load is updated, and rolled back, many times", async () => {
  await using vm = await LinuxMachine.boot(builds.old, { cpus: 2 });
  const bad = failingProgram(vm.folder, builds.new);
  await using connection = await vm.echo();
  const load = new Load(vm, connection);
  await load.goesOn();
  let [current, other] = [builds.old, builds.new];
  for (let round = 0; round < ROUNDS; round++) {
    const dies = round % 3 === 2;
    const binary = dies ? bad : other.binary;
    const { stdout, stderr, report } = await reported(
      ["update", "--qmp", vm.files.qmp, "--binary", binary],
      TIMEOUT_MS,
    );
    const said = `round ${round}: ${stdout}${stderr}`;
    assertEquals(report.outcome, dies ? "rolled-back" : "updated", said);
    vm.follow(report.pid_after ?? 0);
    if (!dies) [current, other] = [other, current];
    assertEquals(Deno.readLinkSync(`/proc/${vm.pid}/exe`), current.binary);
    assertEquals(await vm.runState(), "running");
    await load.goesOn();
  }
  await load.finish();
});
