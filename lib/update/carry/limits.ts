/** Limits of disks that were set at run time. @module */

import type { OptionValue } from "../../cmdline/mod.ts";
import type { JsonObject } from "../../qmp/mod.ts";
import {
  type BlockDevice,
  blockDeviceName,
  blockDevices,
} from "../vm/block_devices.ts";
import type { CommandLine } from "../command/command_line.ts";
import { LENGTH } from "./back_ends.ts";
import type { CarryWork } from "./work.ts";

/** Sets all limits of one disk, those that are not given to none. */
export const SET_LIMITS = "block_set_io_throttle";

/** The limits in a reply of query-block, as the command takes them. */
const LIMIT = /^(bps|iops)(_rd|_wr)?(_max)?(_length)?$|^iops_size$|^group$/;
/** Those that the command has to be given. */
const NONE: JsonObject = {
  ...{ bps: 0, bps_rd: 0, bps_wr: 0 },
  ...{ iops: 0, iops_rd: 0, iops_wr: 0 },
};

/** Sets the present limits where the command line has others. */
export async function carryLimits(
  work: CarryWork,
  running: CommandLine,
): Promise<void> {
  const drives = running.values("drive");
  for (const device of await blockDevices(work.inventory)) {
    const { medium, drive, qdev } = device;
    if (medium === undefined) continue;
    const [changed] = limitChanges(device, drives);
    if (changed === undefined) continue;
    const limits = Object.entries(medium.inserted)
      .filter(([key, value]) =>
        LIMIT.test(key) && ["number", "string"].includes(typeof value)
      );
    // The check "throttling" refuses what is left.
    await work.attempt(
      blockDeviceName(device),
      () =>
        work.addCommand(SET_LIMITS, {
          ...qdev === undefined ? { device: drive ?? "" } : { id: qdev },
          ...NONE,
          ...Object.fromEntries(limits),
        }),
    );
  }
}

/** A limit's name in query-block and in an old -drive, and in -drive. */
const LIMITS: readonly (readonly [string, string])[] = [
  ...["bps", "iops"].flatMap((unit) => [
    ...limitsOf(unit, `throttling.${unit}-total`),
    ...limitsOf(`${unit}_rd`, `throttling.${unit}-read`),
    ...limitsOf(`${unit}_wr`, `throttling.${unit}-write`),
  ]),
  ["iops_size", "throttling.iops-size"],
];

/** A limit, and that of bursts with their length. */
function limitsOf(name: string, key: string) {
  return [
    [name, key] as const,
    [`${name}_max`, `${key}-max`] as const,
    [`${name}_max_length`, `${key}-max-length`] as const,
  ];
}

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

/** The limits of a disk that are not those of its -drive. */
export function* limitChanges(
  device: BlockDevice,
  all: readonly OptionValue[],
): Iterable<{ name: string; is: number; was: number }> {
  const { medium } = device;
  const drives = drivesOf(device, all);
  if (medium === undefined) return;
  for (const [name, key] of LIMITS) {
    const none = LENGTH.test(key) ? 1 : 0;
    const is = Number(medium.inserted[name] ?? none);
    const given = drives
      .flatMap((drive) => drive.integer(key) ?? drive.integer(name) ?? []);
    const was = given[0] ?? none;
    const isDefault = is === none && given.length < drives.length;
    if (given.includes(is) || isDefault || is === was) continue;
    yield { name, is, was };
  }
}
