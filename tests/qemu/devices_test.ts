/** docs/devices.md says what is so; all of it is tried by deno task devices. */

import { assertEquals } from "@std/assert";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { tryOn } from "../devices/campaign.ts";
import { deviceTypes } from "../../testing/devices/catalogue.ts";
import { cellFor, cellsIn } from "../devices/page.ts";
import { type Board, BOARD_NAMES } from "../devices/trial.ts";

const builds = await qemuBuilds();
const types = await deviceTypes(builds.old);
const page = await Deno.readTextFile(
  new URL("../../docs/devices.md", import.meta.url),
);
const sandboxes = cellsIn(page);
/** Another release may have other devices. */
const isOfPage = page.includes(`QEMU ${builds.old.version} `);

/** A few of each kind that the others do not try. */
const SAMPLE: Readonly<Record<Board, readonly string[]>> = {
  q35: ["igb", "usb-kbd", "hda-duplex", "vmgenid", "edu", "nvme-ns"],
  pc: ["pci-serial", "sb16", "i82559er", "usb-audio", "acpi-erst"],
  microvm: [
    "virtio-rng-device",
    "virtio-tablet-device",
    "virtio-pmem",
    "virtio-mem",
  ],
};

Deno.test({
  name: "the page has every type of device, and no other",
  ignore: !isOfPage,
  fn() {
    assertEquals(
      [...sandboxes.keys()].sort(),
      types.map(({ name }) => name).sort(),
    );
  },
});

Deno.test("no type of device was found to fail", () => {
  const failed = [...sandboxes].filter(([, said]) =>
    said.some((sandbox) => sandbox.includes("failed"))
  );
  assertEquals(failed, []);
});

for (const board of BOARD_NAMES) {
  Deno.test({
    name: `the page is right about devices of ${board}`,
    ignore: !isOfPage,
    async fn() {
      const some = types.filter(({ name }) => SAMPLE[board].includes(name));
      assertEquals(some.length, SAMPLE[board].length);
      await tryOn(board, some, builds, ({ type, verdict }) => {
        const said = sandboxes.get(type)?.[BOARD_NAMES.indexOf(board)];
        const why = "why" in verdict ? verdict.why : "";
        assertEquals(cellFor(verdict), said, `${type}: ${why}`);
      });
    },
  });
}
