/** A VM of a QEMU with options of a distribution's own, such as Proxmox's. */

import { assertEquals } from "@std/assert";
import { optionsInHelp, QEMU_OPTIONS } from "../../lib/cmdline/mod.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { PLAIN, VirtualMachine, Witness } from "../../testing/qemu/mod.ts";
import { patchedQemu } from "../../testing/qemu/patched_qemu.ts";
import { argvOf, move, moveAndReturn, tryToMove } from "./moved.ts";

const builds = await qemuBuilds();
const MACHINE = {
  ...PLAIN,
  extra: ["-id", "100", "-loadstate", "/no/such/state"],
  ...Deno.uid() === 0 ? { user: 1000 } : {},
};

Deno.test("the help of QEMU shows for each option whether it takes a value", async () => {
  const { stdout } = await new Deno.Command(builds.new.binary, {
    args: ["-help"],
  }).output();
  const told = optionsInHelp(new TextDecoder().decode(stdout));
  const wrong = [...QEMU_OPTIONS].filter(([name, { takesValue }]) =>
    told.has(name) && told.get(name)?.takesValue !== takesValue
  ).map(([name]) => name).sort();
  // Lines of their own kind: "-M   as -machine" and "-h or -help".
  assertEquals(wrong, ["M", "h"]);
  assertEquals(told.size > 80, true);
});

Deno.test("options that only the VM's program knows are read as it reads them", async () => {
  await using before = patchedQemu(builds.old);
  await using after = patchedQemu(builds.new);
  await using vm = await VirtualMachine.boot(before.build, MACHINE, "tcg");
  const witness = await Witness.of(vm);
  await moveAndReturn(vm, after.build);
  await witness.assertLivesOn();
  const report = await move(vm, after.build);
  await witness.assertLivesOn();
  const argv = await argvOf(vm);
  assertEquals(argv.slice(argv.indexOf("-id")).slice(0, 2), ["-id", "100"]);
  assertEquals(argv.includes("-loadstate"), false);
  assertEquals(
    report.checks.filter(({ verdict }) => verdict === "warn"),
    [],
  );
});

Deno.test("a QEMU without these options is refused", async () => {
  await using before = patchedQemu(builds.old);
  await using vm = await VirtualMachine.boot(before.build, MACHINE, "tcg");
  const { outcome, error } = await tryToMove(vm, builds.new);
  assertEquals([outcome, error?.code], ["refused", "new-options"]);
  assertEquals(error?.message.includes("-id: invalid option"), true);
});

for (const mode of ["cpr-transfer", "live"] as const) {
  Deno.test(`another process gets the same options, by ${mode}`, async () => {
    await using before = patchedQemu(builds.old);
    await using after = patchedQemu(builds.new);
    const file = `${before.folder}/vm.conf`;
    await Deno.writeTextFile(
      file,
      '[device "rng"]\ndriver = "virtio-rng-pci"\n',
    );
    await using vm = await VirtualMachine.start(before.build, {
      ...MACHINE,
      ...mode === "live" ? { anonymous: true } : {},
      extra: [...MACHINE.extra, "-readconfig", file],
    }, "tcg");
    const { outcome, error, pid_after } = await tryToMove(vm, after.build, {
      mode,
    });
    assertEquals(outcome, "updated", error?.message);
    vm.follow(pid_after ?? 0);
    const argv = await argvOf(vm);
    assertEquals(argv.filter((it) => /^-(id|loadstate|readconfig)/.test(it)), [
      "-id",
    ]);
    assertEquals(argv.includes("driver=virtio-rng-pci,id=rng"), true);
  });
}
