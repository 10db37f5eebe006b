/** VMs in a memory control group that has little room for a second program. */

import { assertEquals, assertMatch } from "@std/assert";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import { orderOf, updateHere } from "../../testing/update/cprctl.ts";
import { Witness } from "../../testing/qemu/mod.ts";
import { TightGroup } from "../../testing/qemu/tight_group.ts";

const builds = await qemuBuilds();
const MIB = 1024 ** 2;

const ignore = !TightGroup.isPossible;
if (ignore) console.warn("No memory control groups: their tests wait");

Deno.test("an update needs no room for two programs", { ignore }, async () => {
  await using _base = await Base.make();
  await using group = await TightGroup.boot(builds.old);
  const { vm } = group;
  const witness = await Witness.of(vm);
  await group.leaveRoom(12 * MIB);
  const { report, said } = await updateHere(orderOf(group.vm, builds.new));
  assertEquals(report?.outcome, "updated", said);
  assertEquals(vm.executable(), builds.new.binary);
  await witness.assertLivesOn();
});

Deno.test("a rollback needs no more room than that", { ignore }, async () => {
  await using _base = await Base.make();
  await using group = await TightGroup.boot(builds.old);
  const { vm } = group;
  const witness = await Witness.of(vm);
  await group.leaveRoom(12 * MIB);
  const { report, said } = await updateHere(
    orderOf(group.vm, builds.new),
    (phase) => {
      if (phase === "load") Deno.kill(vm.pid, "SIGKILL");
    },
  );
  assertEquals(report?.outcome, "rolled-back", said);
  vm.follow(report?.pid_after ?? 0);
  assertEquals(vm.executable(), builds.old.binary);
  await witness.assertLivesOn();
});

Deno.test(
  "without room for a program nothing is touched",
  { ignore },
  async () => {
    await using _base = await Base.make();
    await using group = await TightGroup.boot(builds.old);
    const witness = await Witness.of(group.vm);
    await group.leaveRoom(4 * MIB);
    const { report } = await updateHere(orderOf(group.vm, builds.new));
    assertEquals(report?.outcome, "refused");
    assertEquals(report?.error?.code, "memory-room");
    assertMatch(
      report?.error?.message ?? "",
      /^[0-4] MiB are left of the \d+ MiB/,
    );
    assertMatch(report?.error?.remedy ?? "", /by [4-8] MiB or more$/);
    assertEquals(group.vm.executable(), builds.old.binary);
    await witness.assertLivesOn();
  },
);
