import { assert, assertEquals } from "@std/assert";
import { decodeCprState } from "../../lib/cpr/mod.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { Gate } from "../../testing/program/gate.ts";
import { runCprctl } from "../../testing/program/program.ts";
import {
  cprStateOf,
  openDescriptors,
  PLAIN,
  until,
  updateByHand,
  VirtualMachine,
} from "../../testing/qemu/mod.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 30_000;

/** What `cprctl inspect --pid` shows, held against the process itself. */
async function assertShown(pid: number): Promise<void> {
  const { code, stdout, stderr } = await runCprctl([
    ...["inspect", "--json", "--pid", String(pid)],
  ]);
  assertEquals([code, stderr], [0, ""]);
  const { format, descriptors } = JSON.parse(stdout);
  assertEquals(format, "cpr-state");
  assertEquals(descriptors, decodeCprState(cprStateOf(pid)).descriptors);
  const open = openDescriptors(pid);
  for (const { name, descriptor } of descriptors) {
    const target = open.find(({ number }) => number === descriptor)?.target;
    assert(target?.startsWith("/memfd:"), `"${name}" is ${target}`);
  }
}

Deno.test("CPR state is shown of a source in pre-switchover, and of a destination before its load", async () => {
  await using vm = await VirtualMachine.start(builds.old, PLAIN, "tcg");
  const without = await runCprctl(["inspect", "--pid", String(vm.pid)]);
  assertEquals([without.code, without.stdout], [1, ""]);
  const gate = await Gate.make(vm.folder);
  const old = vm.executable();
  const updated = updateByHand(vm, builds.new, {
    before: gate.words,
    atSwitchover: () => assertShown(vm.pid),
  });
  // Whatever fails here, a program at the gate would hold the update up.
  const shown = until(
    "the old program is replaced",
    TIMEOUT_MS,
    () => vm.executable() !== old,
  ).then(() => assertShown(vm.pid)).finally(() => gate.open());
  await Promise.all([updated, shown]);
  const after = await runCprctl(["inspect", "--pid", String(vm.pid)]);
  assertEquals([after.code, after.stdout], [1, ""]);
});
