/** A real QEMU moves onto the other build through a wrapper. */

import { assertEquals, assertMatch } from "@std/assert";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { cprctlWords } from "../../testing/program/program.ts";
import {
  type Machine,
  PLAIN,
  updateByHand,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";

const builds = await qemuBuilds();

/** Every kind of descriptor that QEMU hands over on any host. */
const MACHINE: Machine = {
  ...PLAIN,
  name: "q35, with every shared memory",
  extra: [
    ...["-object", "memory-backend-ram,id=own0,size=1M,share=on"],
    ...["-object", "memory-backend-shm,id=shm0,size=1M"],
    ...["-device", "VGA"],
  ],
};

const WRAPPERS = {
  "cprctl exec --": (log: string) => [
    ...cprctlWords(),
    ...["exec", "--log", log, "--"],
  ],
  "/bin/sh -c 'exec …'": () => ["/bin/sh", "-c", 'exec "$0" "$@"'],
};

for (const [name, wrapper] of Object.entries(WRAPPERS)) {
  Deno.test(`QEMU moves through ${name}`, async () => {
    await using vm = await VirtualMachine.boot(builds.old, MACHINE, "tcg");
    const witness = await Witness.of(vm);
    const { pid } = vm;
    const log = `${vm.folder}/exec.log`;
    await Deno.writeTextFile(log, "");

    await updateByHand(vm, builds.new, { before: wrapper(log) });

    assertEquals(vm.pid, pid);
    assertEquals(vm.executable(), builds.new.binary);
    assertEquals(await vm.runState(), "running");
    await witness.assertLivesOn();
    // What QEMU hands over raises no doubt.
    const line =
      /^cprctl exec: pid (\d+): (\d+) descriptors survive, \2 of them RAM of \d+\.\d MiB: executing "(.*)"\n$/;
    const text = await Deno.readTextFile(log);
    if (name.startsWith("cprctl")) {
      assertMatch(text, line);
      assertEquals(line.exec(text)?.[1], `${pid}`);
    } else assertEquals(text, "");
  });
}
