/** A refusal gives the reasons that are true, and no others. */

import { assertEquals, assertMatch, assertNotMatch } from "@std/assert";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { PLAIN, until, VirtualMachine } from "../../testing/qemu/mod.ts";
import { preflightOf } from "./preflight_of.ts";

const builds = await qemuBuilds();
const PATIENCE_MS = 20_000;

function start(extra: readonly string[]): Promise<VirtualMachine> {
  return VirtualMachine.start(builds.old, { ...PLAIN, extra }, "tcg");
}

/** The checks that do not agree, by their ids. */
async function notOk(vm: VirtualMachine): Promise<string[]> {
  const checks = await preflightOf(vm, builds.new.binary);
  return [...checks.values()]
    .filter(({ verdict }) => verdict === "refuse" || verdict === "warn")
    .map(({ id }) => id);
}

Deno.test("a chardev that several share is no change", async () => {
  await using vm = await start([
    ...[
      "-chardev",
      "socket,id=mx,path=mx.sock,server=on,wait=off,mux=on",
    ],
    ...["-mon", "chardev=mx,mode=readline", "-serial", "chardev:mx"],
  ]);
  assertEquals(await notOk(vm), []);
});

Deno.test("clients whose connections will end are named", async () => {
  await using vm = await start([
    ...["-chardev", "socket,id=agent,path=agent.sock,server=on,wait=off"],
    ...["-device", "virtio-serial", "-device", "virtserialport,chardev=agent"],
    ...["-serial", "unix:serial.sock,server=on,wait=off"],
    ...["-chardev", "socket,id=idle,path=idle.sock,server=on,wait=off"],
    ...["-vnc", "unix:vnc.sock"],
  ]);
  const said = async () =>
    (await preflightOf(vm, builds.new.binary)).get("clients")?.detail ?? "";
  assertMatch(await said(), /^no client/);
  const open = (name: string) =>
    Deno.connect({ transport: "unix", path: `${vm.folder}/${name}.sock` });
  using _agent = await open("agent");
  using _serial = await open("serial");
  using _vnc = await open("vnc");
  await until("all are there", PATIENCE_MS, async () => {
    const detail = await said();
    return ['"agent"', '"serial0"', "1 of VNC"].every((it) =>
      detail.includes(it)
    );
  });
  assertNotMatch(await said(), /idle|monitor/);
});

Deno.test("the bitmap of a running backup is no loss", async () => {
  await using vm = await start([
    ...["-blockdev", "driver=null-co,size=1048576,node-name=target"],
  ]);
  await vm.command("blockdev-backup", {
    "job-id": "backup",
    device: "disk",
    target: "target",
    sync: "full",
    speed: 1,
    "x-perf": { "max-workers": 1, "max-chunk": 65_536 },
  });
  const checks = await preflightOf(vm, builds.new.binary);
  assertEquals(checks.get("block-jobs")?.verdict, "refuse");
  assertEquals(checks.get("dirty-bitmaps")?.verdict, "ok");
});

Deno.test("only blockers because of RAM recommend share=on", async () => {
  await using vm = await start(["-device", "amd-iommu"]);
  const found = (await preflightOf(vm, builds.new.binary)).get("blockers");
  assertEquals(found?.verdict, "refuse");
  assertNotMatch(found?.remedy ?? "", /share=on/);
  assertMatch(found?.remedy ?? "", /^Unplug or end what blocks it/);
});
