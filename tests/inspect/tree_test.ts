import { assert, assertEquals } from "@std/assert";
import { inspect, scalarText, treeOf } from "../../lib/inspect/mod.ts";
import { isStruct } from "../../lib/migration/stream/mod.ts";
import { data } from "../../testing/data/data.ts";
import { device, deviceStream } from "../../testing/streams/foreign.ts";
import { everyType, inputOf } from "../../testing/streams/streams.ts";

function lines(bytes: Uint8Array, name: string): string[] {
  const inspection = inspect(inputOf(bytes));
  assert(inspection.format === "migration-stream");
  const section = inspection.sections.find((each) => each.name === name);
  const state = section?.state;
  assert(state !== undefined && !(state instanceof Uint8Array));
  return [...treeOf(state)].map(({ depth, name, text, offset }) =>
    `${offset}: ${"  ".repeat(depth)}${name} = ${text}`
  );
}

Deno.test("a value of every wire type", async (t) => {
  await t.assertSnapshot(lines(everyType(), "dev").join("\n"));
});

Deno.test("what repeats is said once", async (t) => {
  const bytes = await data("cpr-exec-q35-plain.vm.state");
  await t.assertSnapshot(lines(bytes, "cpu").join("\n"));
});

Deno.test("buffers are text, zeros, or their first bytes", () => {
  const shown = (...bytes: number[]) =>
    scalarText("buffer", Uint8Array.from(bytes));
  assertEquals(shown(), "");
  assertEquals(shown(0), "00");
  assertEquals(shown(0, 0, 0), "3 bytes, all 0");
  assertEquals(shown(0x72, 0x75, 0x6e, 0, 0), '"run" (5 bytes)');
  assertEquals(shown(0x72, 0x75, 0, 0x6e), "72 75 00 6e");
  assertEquals(
    shown(...new Array(25).fill(0xab)),
    `${"ab ".repeat(24)}… (25 bytes)`,
  );
});

Deno.test("a virtio device is shown by its fields", async (t) => {
  const bytes = await data("cpr-exec-pc-rich.vm.state");
  const name = "0000:00:05.0/virtio-net";
  await t.assertSnapshot(lines(bytes, name).join("\n"));
});

Deno.test("numbers with a meaning say it", () => {
  assertEquals(
    scalarText("uint8:virtio status", 0x0b),
    "0xb: ACKNOWLEDGE, DRIVER, FEATURES_OK",
  );
  assertEquals(scalarText("uint8:virtio status", 0), "0x0");
  assertEquals(scalarText("le16:pci vendor", 0x8086), "0x8086: Intel");
  assertEquals(scalarText("uint64:hex", 0xfee0_0000n), "0xfee00000");
  const mac = Uint8Array.of(0x52, 0x54, 0, 0x12, 0x34, 0x56);
  assertEquals(scalarText("buffer:mac", mac), "52:54:00:12:34:56");
});

Deno.test("bytes that do not have their layout say why", () => {
  const fields = [{ name: "msix", type: "msix state", size: 2 }];
  assertEquals(lines(deviceStream([1, 2], device(fields)), "dev"), [
    "32: msix = 01 02 (not decoded: its size is unusual)",
  ]);
});

Deno.test("every struct of a state is drawn", async () => {
  const inspection = inspect(
    inputOf(await data("cpr-exec-pc-rich.vm.state")),
  );
  assert(inspection.format === "migration-stream");
  for (const { state } of inspection.sections) {
    if (state === undefined || !isStruct(state)) continue;
    assert([...treeOf(state)].length >= state.fields.length);
  }
});
