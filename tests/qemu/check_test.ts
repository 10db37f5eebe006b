import { assertEquals } from "@std/assert";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { PLAIN, VirtualMachine, Witness } from "../../testing/qemu/mod.ts";
import { reported } from "../../testing/update/cprctl.ts";

const builds = await qemuBuilds();

function run(command: string, { files }: VirtualMachine, ...words: string[]) {
  return reported([command, "--qmp", files.qmp, ...words]);
}

Deno.test("QEMU is checked, moved, and then up to date", async () => {
  await using vm = await VirtualMachine.boot(builds.old, PLAIN, "tcg");
  const witness = await Witness.of(vm);
  const link = `${vm.folder}/qemu`;

  await Deno.symlink(builds.old.binary, link);
  for (const words of [[], ["--binary", link]]) {
    const { code, report } = await run("check", vm, ...words);
    assertEquals([code, report.outcome], [0, "up-to-date"], words.join(" "));
  }

  await Deno.remove(link);
  await Deno.symlink(builds.new.binary, link);
  const checked = await run("check", vm, "--binary", link);
  assertEquals(
    [checked.code, checked.report.outcome],
    [0, "would-update"],
    checked.stdout,
  );
  assertEquals(checked.report.to?.version, builds.new.version);
  assertEquals(vm.executable(), builds.old.binary);
  await witness.assertLivesOn();

  const updated = await run("update", vm, "--binary", link);
  assertEquals(updated.report.outcome, "updated", updated.stdout);
  assertEquals(updated.report.changed, checked.report.changed);
  assertEquals(updated.report.command_changes, checked.report.command_changes);
  assertEquals(
    updated.report.checks.map(({ id, verdict }) => [id, verdict]),
    checked.report.checks.map(({ id, verdict }) => [id, verdict]),
  );
  assertEquals(vm.executable(), builds.new.binary);

  const again = await run("update", vm, "--binary", link);
  assertEquals(
    [again.code, again.report.outcome, again.report.changed],
    [0, "up-to-date", false],
  );
  await witness.assertLivesOn();
});

Deno.test("a QEMU that was started by a link moves to the link's new target", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [link, other] = [`${folder}/qemu`, `${folder}/other`];
    await Deno.symlink(builds.old.binary, link);
    const linked = { ...builds.old, binary: link };
    await using vm = await VirtualMachine.boot(linked, PLAIN, "tcg");
    const before = await run("update", vm);
    assertEquals([before.code, before.report.outcome], [0, "up-to-date"]);
    // As after a library was replaced: the link can still lead elsewhere later.
    const forced = await run("update", vm, "--force");
    assertEquals(forced.report.outcome, "updated", forced.stdout);

    await Deno.symlink(builds.new.binary, other);
    await Deno.rename(other, link);
    const checked = await run("check", vm);
    assertEquals(
      [checked.report.outcome, checked.report.to?.exe],
      ["would-update", link],
      checked.stdout,
    );
    const updated = await run("update", vm);
    assertEquals(updated.report.outcome, "updated", updated.stdout);
    assertEquals(vm.executable(), builds.new.binary);
    assertEquals((await run("update", vm)).report.outcome, "up-to-date");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
