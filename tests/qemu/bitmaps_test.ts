/** Persistent dirty bitmaps, of nodes that a device uses and that none does. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import type { JsonObject } from "../../lib/qmp/mod.ts";
import {
  type QemuBuild,
  qemuBuilds,
} from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import { PLAIN, VirtualMachine } from "../../testing/qemu/mod.ts";
import { makeImage } from "./disk_image.ts";
import { move, moveAndReturn, tryToMove } from "./moved.ts";

const builds = await qemuBuilds();
/** QEMU 11.1.2 forgets nodes that were made before the one of the device. */
const NODES = ["spare", "used"];

async function boot(build: QemuBuild, folder: string) {
  const extra = ["-device", "virtio-blk-pci,id=disk1,drive=used"];
  for (const name of NODES) {
    const filename = await makeImage(builds.old, `${folder}/${name}.qcow2`);
    const file = { driver: "file", filename };
    const node = { driver: "qcow2", "node-name": name, file };
    extra.unshift("-blockdev", JSON.stringify(node));
  }
  return await VirtualMachine.boot(build, { ...PLAIN, extra }, "tcg");
}

async function add(vm: VirtualMachine, node: string): Promise<void> {
  const bitmap = { node, name: "since-monday", persistent: true };
  await vm.command("block-dirty-bitmap-add", bitmap);
}

async function bitmaps(vm: VirtualMachine): Promise<string[]> {
  const nodes = await vm.command("query-named-block-nodes", { flat: true });
  return (nodes as JsonObject[])
    .filter((it) => NODES.includes(String(it["node-name"])))
    .map((it) => JSON.stringify([it["node-name"], it["dirty-bitmaps"] ?? []]))
    .sort();
}

Deno.test("a bitmap of a node that no device uses is refused where QEMU would lose it", async () => {
  await using _base = await Base.make();
  await using folder = await temporaryFolder();
  await using vm = await boot(builds.old, folder.path);
  await add(vm, "used");
  await moveAndReturn(vm, builds.new);
  await add(vm, "spare");
  const { error, outcome } = await tryToMove(vm, builds.new);
  assertEquals([outcome, error?.code], ["refused", "dirty-bitmaps"]);
  assertStringIncludes(error?.message ?? "", `"since-monday" of "spare" (QEMU`);
});

Deno.test("bitmaps stay consistent where QEMU stores all of them", async () => {
  await using _base = await Base.make();
  await using folder = await temporaryFolder();
  await using vm = await boot(builds.new, folder.path);
  for (const node of NODES) await add(vm, node);
  const before = await bitmaps(vm);
  await moveAndReturn(vm, builds.old);
  assertEquals(await bitmaps(vm), before);
  await move(vm, builds.old);
  assertEquals(await bitmaps(vm), before);
});

/** A folder for images. */
async function temporaryFolder(): Promise<AsyncDisposable & { path: string }> {
  const path = await Deno.makeTempDir({ prefix: "cprctl-bitmaps-" });
  return {
    path,
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}
