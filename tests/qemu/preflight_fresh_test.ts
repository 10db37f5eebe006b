import { assertEquals } from "@std/assert";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import {
  accelerators,
  MACHINES,
  VirtualMachine,
} from "../../testing/qemu/mod.ts";
import { assertNothingElse, preflightOf } from "./preflight_of.ts";

const builds = await qemuBuilds();

for (const accelerator of await accelerators(builds.old)) {
  for (const machine of MACHINES) {
    Deno.test(`a fresh ${machine.name} passes the preflight (${accelerator})`, async () => {
      await using vm = await VirtualMachine.start(
        builds.old,
        machine,
        accelerator,
      );
      const checks = await preflightOf(vm, builds.new.binary, {
        inSandbox: true,
      });
      assertNothingElse(checks);
      const skipped = [...checks.values()]
        .filter(({ verdict }) => verdict === "skipped")
        .map(({ id }) => id);
      // QEMU answers every question that it knows.
      assertEquals(skipped, ["blind-spots"]);
    });
  }
}
