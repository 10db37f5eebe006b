/** A VM with a part of its options in a file of -readconfig. */

import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { listVms } from "../../lib/update/host/list.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { PLAIN, VirtualMachine, Witness } from "../../testing/qemu/mod.ts";
import { argvOf, move, moveAndReturn, tryToMove } from "./moved.ts";

const builds = await qemuBuilds();

const FILE = `# as a manager writes it
[object "rng"]
  qom-type = "rng-builtin"
[chardev "late"]
  backend = "null"
[drive "cd"]
  if = "none"
  media = "cdrom"
  driver = "null-co"
[device "scsi"]
  driver = "virtio-scsi-pci"
[device "cdrom"]
  driver = "scsi-cd"
  drive = "cd"
  bus = "scsi.0"
[device "source"]
  driver = "virtio-rng-pci"
  rng = "rng"
`;

/** Runs with a VM, and with the path of its file. */
async function withVm(
  run: (vm: VirtualMachine, file: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-config-" });
  try {
    const file = `${folder}/vm.conf`;
    await Deno.writeTextFile(file, FILE);
    const machine = { ...PLAIN, extra: ["-readconfig", file] };
    await using vm = await VirtualMachine.boot(builds.old, machine, "tcg");
    await run(vm, file);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a VM with a file of options is rolled back, and updated", () =>
  withVm(async (vm, file) => {
    const { vms } = await listVms({ asksMonitors: false });
    const listed = vms.find(({ pid }) => pid === vm.pid);
    assertEquals([listed?.obstacle, listed?.qmp], [null, vm.files.qmp]);

    const witness = await Witness.of(vm);
    await moveAndReturn(vm, builds.new);
    await witness.assertLivesOn();
    // The options are on the command line from now on.
    await Deno.remove(file);
    const report = await move(vm, builds.new);
    assertEquals(
      report.differences.filter(({ verdict }) => verdict === "seen-by-guest"),
      [],
    );
    await witness.assertLivesOn();
    const argv = await argvOf(vm);
    assertEquals(argv.includes("-readconfig"), false);
    assertEquals(
      argv.includes("driver=virtio-rng-pci,rng=rng,id=source"),
      true,
    );
  }));

/** When the file was last changed, in milliseconds. */
async function changeOf(file: string): Promise<number> {
  return (await Deno.stat(file)).ctime?.getTime() ?? 0;
}

Deno.test("a VM whose file has changed or is gone is refused", () =>
  withVm(async (vm, file) => {
    const refusal = async () => {
      const { outcome, error } = await tryToMove(vm, builds.new);
      assertEquals([outcome, error?.code], ["refused", "readconfig"]);
      assertStringIncludes(error?.message ?? "", file);
      assertMatch(
        error?.remedy ?? "",
        /^Restart the VM, and from then on leave that file unchanged/,
      );
      return error?.message ?? "";
    };
    const other = FILE.replace("scsi-cd", "scsi-hd");
    const earlier = await changeOf(file);
    // Clocks differ: a change right after the start counts as one before it.
    do {
      await Deno.writeTextFile(file, other);
      // Only the time of the last change cannot be set.
      await Deno.utime(file, 0, 0);
    } while (await changeOf(file) < earlier + 1000);
    assertMatch(await refusal(), /changed after the VM was started/);
    const { vms } = await listVms({ asksMonitors: false });
    const listed = vms.find(({ pid }) => pid === vm.pid);
    assertEquals(listed?.obstacle_code, "readconfig");
    await Deno.remove(file);
    assertMatch(await refusal(), /No such file/);
  }));
