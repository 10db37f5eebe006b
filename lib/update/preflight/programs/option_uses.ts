/**
 * What a command line sets: properties of types, and options of network
 * backends. The other options, a program checks as it reads them.
 *
 * @module
 */

import type { CommandLine } from "../../command/command_line.ts";

/** The keys that one use of an option sets. */
export interface OptionUse {
  /** As people write it, such as `-device "virtio-net-pci"`. */
  readonly name: string;
  /** Of QOM; or the kind of a network backend. */
  readonly type: string;
  readonly keys: readonly string[];
}

/** Keys of -device that are no properties. */
const OF_DEVICE = ["driver", "id", "bus"];
const OF_NETDEV = ["type", "id"];

/** Uses of -device, -accel and -machine. */
export function propertyUses(
  line: CommandLine,
  machine: string | undefined,
): OptionUse[] {
  return [
    ...usesOf(line, "device", "driver", OF_DEVICE),
    ...usesOf(line, "accel", "accel", ["accel"])
      .map((use) => ({ ...use, type: `${use.type}-accel` })),
    ...machine === undefined ? [] : line.values("machine").map((value) => ({
      name: "-machine",
      type: `${machine}-machine`,
      keys: value.entries.map(({ key }) => key).filter((it) => it !== "type"),
    })),
  ];
}

/** The same of the vCPUs' features. */
export function cpuUses(
  line: CommandLine,
  type: string | undefined,
): OptionUse[] {
  if (type === undefined) return [];
  return line.texts("cpu").map((text) => {
    const [model = "", ...features] = text.split(",");
    const keys = features.map((it) =>
      (it.split("=")[0] ?? "").replace(/^[+-]/, "")
    );
    return { name: `-cpu "${model}"`, type, keys };
  });
}

/** Uses of -netdev. */
export function netdevUses(line: CommandLine): OptionUse[] {
  return usesOf(line, "netdev", "type", OF_NETDEV);
}

function usesOf(
  line: CommandLine,
  option: string,
  typeKey: string,
  without: readonly string[],
): OptionUse[] {
  return line.values(option).flatMap((value) => {
    const type = value.get(typeKey);
    if (type === undefined) return [];
    const keys = value.entries.map(({ key }) => key)
      .filter((key) => !without.includes(key));
    return [{ name: `-${option} "${type}"`, type, keys }];
  });
}
