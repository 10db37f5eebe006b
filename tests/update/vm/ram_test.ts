import { assertEquals } from "@std/assert";
import { backendOf } from "../../../lib/update/vm/ram.ts";

const BACKENDS = new Set(["vmm", "other"]);

function backendAmong(block: string, ...others: string[]) {
  const all = [block, ...others].map((name) => ({ name }));
  return backendOf(block, all, BACKENDS);
}

Deno.test("a block with a device path belongs to its backend", () => {
  const others = ["ram0", "0000:00:03.0/other", "0000:00:01.0/vga.vram"];
  assertEquals(backendAmong("0000:00:02.0/vmm", ...others), "vmm");
  assertEquals(backendAmong("0000:00:01.0:00.0/vmm", ...others), "vmm");
});

Deno.test("a block with an ambiguous name has no backend", () => {
  const block = "0000:00:02.0/vmm";
  assertEquals(backendAmong(block, "vmm"), undefined);
  assertEquals(backendAmong(block, "0000:00:03.0/vmm"), undefined);
  assertEquals(backendAmong(block, block), undefined);
  assertEquals(backendAmong("0000:00:01.0/vga.vram"), undefined);
  assertEquals(backendAmong("vmm"), undefined);
  assertEquals(backendAmong("/vmm"), undefined);
  assertEquals(backendAmong("0000:00:02.0/vmm/x"), undefined);
});
