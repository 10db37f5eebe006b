import { assertMatch } from "@std/assert";
import { qemuBuilds, toolOf } from "../../testing/qemu/builds/builds.ts";
import { runCprctl } from "../../testing/program/program.ts";
import { PLAIN, VirtualMachine } from "../../testing/qemu/mod.ts";

const builds = await qemuBuilds();

/** Opens a disk image for writing, as another VM would; what is said of it. */
async function open(image: string): Promise<string> {
  const { stdout, stderr } = await new Deno.Command(
    toolOf(builds.new, "qemu-io"),
    { args: ["-f", "raw", "-c", "length", image] },
  ).output();
  return new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
}

Deno.test("a paused VM has its disk locked after an update, as before", async () => {
  await using vm = await VirtualMachine.boot(builds.old, PLAIN, "tcg");
  await vm.command("stop");
  assertMatch(await open(vm.files.disk), /Failed to get .* lock/);

  const { code, stderr } = await runCprctl([
    "update",
    ...["--qmp", vm.files.qmp, "--binary", builds.new.binary],
  ]);

  assertMatch(`${code} ${stderr}`, /^0 /);
  assertMatch(await vm.runState(), /^paused$/);
  assertMatch(await open(vm.files.disk), /Failed to get .* lock/);
});
