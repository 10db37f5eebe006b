import type { OptionValue } from "../../../cmdline/mod.ts";
import { ok, type PreflightCheck, refuse } from "../check.ts";
import { joined, quoted } from "../wording.ts";
import { type BlockDevice, blockDevices, nameOf } from "./block_devices.ts";
import { changedGroups } from "./throttle_groups.ts";

/** A limit's name in query-block, in -drive, and in an old -drive. */
const LIMITS = [
  ["bps", "throttling.bps-total", "bps"],
  ["bps_rd", "throttling.bps-read", "bps_rd"],
  ["bps_wr", "throttling.bps-write", "bps_wr"],
  ["iops", "throttling.iops-total", "iops"],
  ["iops_rd", "throttling.iops-read", "iops_rd"],
  ["iops_wr", "throttling.iops-write", "iops_wr"],
] as const;

type Limit = typeof LIMITS[number];

/** The disks' limits are those of the command line. */
export const throttling: PreflightCheck = {
  id: "throttling",
  async run({ inventory, running }) {
    const drives = running.values("drive");
    const changes = [
      ...(await blockDevices(inventory))
        .flatMap((device) => changesOf(device, drivesOf(device, drives))),
      ...await changedGroups(inventory, running),
    ];
    return changes.length === 0
      ? ok("the limits of disks are those of the command line")
      : refuse(
        `Limits of disks were changed: ${joined(changes)}`,
        "Set the limits of the command line again (block_set_io_throttle, " +
          "qom-set), and the present ones after the update",
      );
  },
};

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

function changesOf(
  device: BlockDevice,
  drives: readonly OptionValue[],
): string[] {
  const { medium } = device;
  if (medium === undefined) return [];
  return LIMITS.flatMap((limit) => {
    const [name] = limit;
    const is = Number(medium.inserted[name] ?? 0);
    const given = drives.flatMap((drive) => limitIn(drive, limit) ?? []);
    if (given.includes(is) || (is === 0 && given.length < drives.length)) {
      return [];
    }
    const was = given[0] ?? 0;
    if (is === was) return [];
    return [`${name} of ${quoted(nameOf(device))} is ${is}, was ${was}`];
  });
}

function limitIn(
  drive: OptionValue,
  [, key, oldKey]: Limit,
): number | undefined {
  return drive.integer(key) ?? drive.integer(oldKey);
}
