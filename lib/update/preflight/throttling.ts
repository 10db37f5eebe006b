/** The limits of disks are those of the command line. @module */

import type { OptionValue } from "../../cmdline/mod.ts";
import type { CommandLine } from "../command/command_line.ts";
import { asObject } from "../vm/reply.ts";
import {
  type BlockDevice,
  blockDeviceName,
  blockDevices,
} from "./block_devices.ts";
import { type PreflightCheck, problemCheck, quoted } from "./check.ts";
import type { Inventory } from "../vm/inventory.ts";

export const throttling: PreflightCheck = problemCheck({
  id: "throttling",
  ok: "the limits of disks are those of the command line",
  detail: (found) => `Limits of disks were changed: ${found}`,
  remedy: "Set the limits of the command line again (block_set_io_throttle, " +
    "qom-set), and the present ones after the update",
  async *find({ inventory, running }) {
    const drives = running.values("drive");
    for (const device of await blockDevices(inventory)) {
      yield* changedLimits(device, drivesOf(device, drives));
    }
    yield* changedGroups(inventory, running);
  },
});

/** A limit's name in query-block and in an old -drive, and in -drive. */
const LIMITS = [
  ["bps", "throttling.bps-total"],
  ["bps_rd", "throttling.bps-read"],
  ["bps_wr", "throttling.bps-write"],
  ["iops", "throttling.iops-total"],
  ["iops_rd", "throttling.iops-read"],
  ["iops_wr", "throttling.iops-write"],
] as const;

/** The drives whose limits a device may have. */
function drivesOf(
  { drive: name }: BlockDevice,
  drives: readonly OptionValue[],
): OptionValue[] {
  if (name === undefined) return [];
  const own = drives.find((drive) => drive.get("id") === name);
  // QEMU made the name up: it is one of those without an id.
  if (own === undefined) return drives.filter((drive) => !drive.has("id"));
  const group = own.get("throttling.group");
  if (group === undefined) return [own];
  return drives.filter((drive) => drive.get("throttling.group") === group);
}

function* changedLimits(
  device: BlockDevice,
  drives: readonly OptionValue[],
): Iterable<string> {
  const { medium } = device;
  if (medium === undefined) return;
  for (const [name, key] of LIMITS) {
    const is = Number(medium.inserted[name] ?? 0);
    const given = drives
      .flatMap((drive) => drive.integer(key) ?? drive.integer(name) ?? []);
    const was = given[0] ?? 0;
    const isDefault = is === 0 && given.length < drives.length;
    if (given.includes(is) || isDefault || is === was) continue;
    yield `${name} of ${quoted(blockDeviceName(device))} is ${is}, was ${was}`;
  }
}

const GROUP = "throttle-group";
/** In seconds, 1 by default; the default of every other limit is none. */
const LENGTH = /-max-length$/;

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
