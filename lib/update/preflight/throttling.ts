/** The limits of disks are those of the command line. @module */

import { LENGTH } from "../carry/back_ends.ts";
import { limitChanges, SET_LIMITS } from "../carry/limits.ts";
import type { CommandLine } from "../command/command_line.ts";
import { asObject } from "../vm/reply.ts";
import { blockDeviceName, blockDevices } from "../vm/block_devices.ts";
import { type PreflightCheck, problemCheck, quoted } from "./check.ts";
import type { Inventory } from "../vm/inventory.ts";

export const throttling: PreflightCheck = problemCheck({
  id: "throttling",
  ok: "the I/O limits of disks are those of the command line",
  detail: (found) => `I/O limits of disks were changed: ${found}`,
  remedy: "Set the limits of the command line again (block_set_io_throttle, " +
    "qom-set), and the current ones again after the update",
  async *find({ carried, inventory, running }) {
    const drives = running.values("drive");
    const set = carried.commands.filter(({ execute }) => execute === SET_LIMITS)
      .map(({ arguments: { id, device } }) => id ?? device);
    for (const device of await blockDevices(inventory)) {
      if (set.includes(device.qdev ?? device.drive)) continue;
      for (const { name, is, was } of limitChanges(device, drives)) {
        const disk = quoted(blockDeviceName(device));
        yield `${name} of ${disk} is ${is}, was ${was}`;
      }
    }
    yield* changedGroups(inventory, running);
  },
});

const GROUP = "throttle-group";

/** How qom-set has changed the limits of -object throttle-group. */
async function* changedGroups(
  inventory: Inventory,
  commandLine: CommandLine,
): AsyncIterable<string> {
  const present = new Set(
    (await inventory.children("/objects")).map(({ name }) => name),
  );
  for (const group of commandLine.where("object", "qom-type", GROUP)) {
    const id = group.get("id") ?? "";
    if (!present.has(id)) continue;
    const limits = asObject(
      await inventory.property(`/objects/${id}`, "limits"),
    );
    for (const [name, is] of Object.entries(limits)) {
      // A limit has a name of its own in text, and is nested in JSON.
      const was = group.integer(`x-${name}`) ??
        group.integer(`limits.${name}`) ?? (LENGTH.test(name) ? 1 : 0);
      if (Number(is) === was) continue;
      yield `${name} of ${quoted(id)} is ${is}, was ${was}`;
    }
  }
}
