/** Memory that a device gives the guest is kept by an update, and by a rollback. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import {
  openDescriptors,
  PLAIN,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";
import { move, moveAndReturn } from "./moved.ts";
import { assertNothingElse, preflightOf } from "./preflight_of.ts";

const builds = await qemuBuilds();

/** Right behind guest RAM, which has another size. */
const ADDRESS = 1n << 32n;
const BYTES = 128 << 20;
const SECRET = "0x6d656d76";

function bootWith(backend: string): Promise<VirtualMachine> {
  return VirtualMachine.boot(builds.old, {
    ...PLAIN,
    extra: [
      ...["-object", `${backend},id=vmm,size=${BYTES},share=on,reserve=off`],
      ...["-m", "64M,maxmem=1G"],
      ...["-device", "virtio-mem-pci,memdev=vmm,id=vm0,requested-size=64M"],
    ],
  }, "tcg");
}

/** Writes into the device's memory, from outside. */
function writeSecret(pid: number): void {
  for (const { number, target } of openDescriptors(pid)) {
    if (!target.startsWith("/memfd:")) continue;
    const path = `/proc/${pid}/fd/${number}`;
    if (Deno.statSync(path).size !== BYTES) continue;
    using file = Deno.openSync(path, { write: true });
    file.writeSync(new TextEncoder().encode("vmem"));
    return;
  }
  throw new Error("The device has no memory");
}

/** What the guest would read at the start of the device's memory. */
async function firstWord(vm: VirtualMachine): Promise<string> {
  const reply = await vm.command("human-monitor-command", {
    "command-line": `xp /wx ${ADDRESS}`,
  });
  assert(typeof reply === "string");
  return reply;
}

for (const backend of ["memory-backend-memfd", "memory-backend-ram"]) {
  Deno.test(`virtio-mem on a ${backend} is preserved by update and rollback`, async () => {
    await using vm = await bootWith(backend);
    writeSecret(vm.pid);
    assertStringIncludes(await firstWord(vm), SECRET);
    assertNothingElse(await preflightOf(vm, builds.new.binary));
    const witness = await Witness.of(vm);
    const devices = await vm.command("query-memory-devices");
    await moveAndReturn(vm, builds.new);
    assertStringIncludes(await firstWord(vm), SECRET);
    await move(vm, builds.new);
    await witness.assertLivesOn();
    assertStringIncludes(await firstWord(vm), SECRET);
    assertEquals(await vm.command("query-memory-devices"), devices);
  });
}
