/** Which loads are made. @module */

import type { DeviceType } from "../../testing/devices/catalogue.ts";
import type { QemuBuild } from "../../testing/qemu/builds/builds.ts";
import { compareVersions } from "../../testing/qemu/builds/version.ts";
import { Random } from "../../testing/random.ts";

/** Names of machine types without their version. microvm never has one. */
const BOARDS = ["pc-i440fx", "pc-q35", "microvm"] as const;
const UNVERSIONED = "microvm";

/** A VM that is saved by one build and loaded by others. */
export interface Trial {
  readonly type: DeviceType;
  readonly board: typeof BOARDS[number];
  readonly source: QemuBuild;
  readonly destinations: readonly QemuBuild[];
}

/**
 * Every device on every kind of machine, saved by one build and loaded by two
 * others, as the seed has it; in an order that it has too, so that what comes
 * first is a sample.
 *
 * @param all saved by each build, and loaded by each other one
 */
export function trialsOf(
  types: readonly DeviceType[],
  builds: readonly QemuBuild[],
  seed: number,
  all: boolean,
): Trial[] {
  const random = new Random(seed);
  const trials = types.flatMap((type) =>
    BOARDS.flatMap((board) => {
      const drawn = random.one(builds);
      return (all ? builds : [drawn]).map((source) => {
        const others = builds.filter((it) => it !== source);
        const left = all ? undefined : random.one(others);
        const destinations = others.filter((it) =>
          it !== left || others.length === 1
        );
        return { type, board, source, destinations };
      });
    })
  );
  return trials.map((trial) => ({ trial, place: random.bits() }))
    .sort((a, b) => a.place - b.place).map(({ trial }) => trial);
}

/** The latest machine type that both builds know. */
export function machineFor(
  board: Trial["board"],
  a: QemuBuild,
  b: QemuBuild,
): string {
  if (board === UNVERSIONED) return board;
  const [lower] = [a.version, b.version].sort(compareVersions);
  const [release] = /^\d+\.\d+/.exec(lower ?? "") ?? [];
  return `${board}-${release}`;
}
