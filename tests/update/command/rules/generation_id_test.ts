import { assertEquals } from "@std/assert";
import { newCommand } from "../../../../lib/update/command/new_command.ts";
import { factsOf, NOTHING_LIVE, WAITING } from "../vm.ts";

const ID = "324e6eaf-d1d1-4bf6-bf41-b9bb6c91fb87";

/** What becomes of a device of a VM whose guest knows the id. */
function after(device: string, generationId: string | undefined): string {
  const words = ["-machine", "pc-q35-11.1", "-device", device];
  const { argv } = newCommand(factsOf(words, { generationId }), NOTHING_LIVE);
  return argv.slice(1, -WAITING.length).at(-1) ?? "";
}

Deno.test("a generation id that QEMU chose is kept", () => {
  assertEquals(after("vmgenid,guid=auto,id=g", ID), `vmgenid,guid=${ID},id=g`);
  assertEquals(
    after('{"driver":"vmgenid","guid":"auto"}', ID),
    `{"driver":"vmgenid","guid":"${ID}"}`,
  );
});

Deno.test("a generation id that is named, or not known, stays as it is", () => {
  for (const device of [`vmgenid,guid=${ID}`, "vmgenid", "virtio-rng-pci"]) {
    assertEquals(after(device, ID), device);
  }
  assertEquals(after("vmgenid,guid=auto", undefined), "vmgenid,guid=auto");
});
