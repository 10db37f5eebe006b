/** What a client set at run time is set after an update, and a rollback. */

import { assertEquals } from "@std/assert";
import { isObject, type Json } from "../../lib/qmp/mod.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import { orderOf, updateHere } from "../../testing/update/cprctl.ts";
import { PLAIN, VirtualMachine } from "../../testing/qemu/mod.ts";
import { kill } from "../../testing/update/members.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 30_000;
const POLLING = "guest-stats-polling-interval";
const NAMED = 300_000;
const UNNAMED = 200_000;
const SECONDS = 7;

async function nodes(vm: VirtualMachine): Promise<Json[]> {
  const reply = await vm.command("query-named-block-nodes", { flat: true });
  return Array.isArray(reply) ? reply : [];
}

/** What is set, whatever a node is called. */
async function settingsOf(vm: VirtualMachine) {
  const thresholds = (await nodes(vm)).filter(isObject)
    .map((node) => [node["drv"], node["file"], node["write_threshold"]])
    .filter(([, , bytes]) => bytes !== 0);
  const polling = await vm.command("qom-get", {
    path: "/machine/peripheral/named",
    property: POLLING,
  });
  const parameters = await vm.command("query-migrate-parameters");
  const capabilities = await vm.command("query-migrate-capabilities");
  return { thresholds: thresholds.sort(), polling, parameters, capabilities };
}

async function bootWithSettings(): Promise<VirtualMachine> {
  const vm = await VirtualMachine.boot(
    builds.old,
    {
      ...PLAIN,
      extra: [
        ...["-blockdev", "driver=null-co,size=1048576,node-name=named"],
        ...["-device", "virtio-blk-pci,drive=named"],
        ...["-device", "virtio-balloon-pci,id=named"],
      ],
    },
    "tcg",
  );
  const [made] = (await nodes(vm)).filter(isObject)
    .filter(({ drv }) => drv === "raw");
  for (
    const [node, bytes] of [["named", NAMED], [made?.["node-name"], UNNAMED]]
  ) {
    await vm.command("block-set-write-threshold", {
      "node-name": node ?? "",
      "write-threshold": bytes ?? 0,
    });
  }
  await vm.command("qom-set", {
    path: "/machine/peripheral/named",
    property: POLLING,
    value: SECONDS,
  });
  // Each of the first two is refused without the other.
  await vm.command("migrate-set-parameters", {
    "cpu-throttle-initial": 3,
    "max-cpu-throttle": 5,
    "max-bandwidth": 1 << 20,
    "multifd-compression": "zlib",
  });
  await vm.command("migrate-set-capabilities", {
    capabilities: ["xbzrle", "validate-uuid"]
      .map((capability) => ({ capability, state: true })),
  });
  return vm;
}

for (const outcome of ["updated", "rolled-back"] as const) {
  Deno.test(`migration settings, write thresholds and a balloon's polling are restored when the VM is ${outcome}`, async () => {
    await using _base = await Base.make();
    await using vm = await bootWithSettings();
    const before = await settingsOf(vm);
    assertEquals(before.thresholds.length, 2);
    const order = orderOf(vm, builds.new);
    const { report, said } = await updateHere(order, async (phase) => {
      if (outcome === "updated" || phase !== "load") return;
      await kill(vm.pid);
    });
    assertEquals(report?.outcome, outcome, said);
    assertEquals(report?.warnings, []);
    vm.follow(report?.pid_after ?? 0);
    assertEquals(await settingsOf(vm), before);
  });
}

Deno.test("block nodes that no device uses are active or not, as before", async () => {
  await using _base = await Base.make();
  const node = (name: string) => [
    ...["-blockdev", `driver=null-co,size=1048576,node-name=${name}`],
  ];
  await using vm = await VirtualMachine.boot(builds.new, {
    ...PLAIN,
    extra: [
      ...[...node("used"), ...node("spare"), ...node("inactive")],
      ...["-device", "virtio-blk-pci,id=disk1,drive=used"],
    ],
  }, "tcg");
  await vm.command("blockdev-snapshot-sync", {
    ...{ "node-name": "used", "snapshot-node-name": "overlay" },
    "snapshot-file": `${vm.folder}/overlay.qcow2`,
  });
  await vm.command("blockdev-set-active", {
    ...{ "node-name": "inactive", active: false },
  });
  const activities = async () =>
    (await nodes(vm)).filter(isObject)
      .filter((it) => !String(it["node-name"]).startsWith("#"))
      .map((it) => `${it["node-name"]}: ${it["active"]}`).sort();
  const before = await activities();
  const { binary } = builds.old;
  const order = { qmp: vm.files.qmp, binary, timeoutMs: TIMEOUT_MS };
  const { report, said } = await updateHere(order);
  assertEquals(report?.outcome, "updated", said);
  assertEquals(await activities(), before);
});
