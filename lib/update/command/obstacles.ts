/**
 * What prevents an update of a VM, as far as its command line shows.
 *
 * @module
 */

import type { CommandLine } from "./command_line.ts";
import {
  hasDefaultRam,
  sharesAuxiliary,
  unsharedBackends,
} from "./shared_ram.ts";

/** A reason why a VM cannot be updated. */
export interface Obstacle {
  /** Stable; the id of the check in the preflight that finds the same. */
  readonly code: string;
  readonly text: string;
}

/** libvirt puts these on every command line. */
const LIBVIRT_MONITOR = "charmonitor";
const LIBVIRT_KEY = "masterKey0";

/** Whether libvirt manages the VM. */
export function isOfLibvirt(line: CommandLine): boolean {
  return line.all("chardev", "id").includes(LIBVIRT_MONITOR) ||
    line.all("object", "id").includes(LIBVIRT_KEY);
}

/** Whether QEMU's own sandbox prevents the VM from executing a program. */
export function deniesSpawn(line: CommandLine): boolean {
  const options = line.values("sandbox");
  return options.some((it) => it.get("enable") === "on") &&
    options.findLast((it) => it.has("spawn"))?.get("spawn") === "deny";
}

/** What an argument would do if it were used twice. */
const HAZARDS: readonly [what: string, isIn: (line: CommandLine) => boolean][] =
  [
    [
      "-snapshot: all that the guest wrote to its disks would be lost",
      (line) =>
        line.has("snapshot") ||
        line.values("drive").some((it) => it.boolean("snapshot") === true),
    ],
    [
      "-preconfig: the new program would wait to be configured",
      (line) => line.has("preconfig"),
    ],
  ];

/** Arguments that cannot be used again, each with the reason. */
export function hazardsOn(line: CommandLine): string[] {
  return HAZARDS.filter(([, isIn]) => isIn(line)).map(([what]) => what);
}

/**
 * Every obstacle on a command line.
 *
 * @throws {CmdlineError} when it cannot be parsed
 */
export function* obstaclesOn(line: CommandLine): Iterable<Obstacle> {
  if (isOfLibvirt(line)) {
    yield {
      code: "libvirt",
      text: "libvirt manages it, but not the system daemon of this host",
    };
  }
  yield* domainObstaclesOn(line);
}

/** The same for a VM whose libvirt daemon can be stopped for the update. */
export function* domainObstaclesOn(line: CommandLine): Iterable<Obstacle> {
  if (line.has("readconfig")) {
    yield {
      code: "readconfig",
      text: "the file of its -readconfig cannot be read, or has changed",
    };
  }
  for (const hazard of hazardsOn(line)) {
    yield {
      code: "arguments",
      text: `its arguments cannot be reused: ${hazard}`,
    };
  }
  if (deniesSpawn(line)) {
    yield {
      code: "sandbox",
      text: "its sandbox does not let it execute programs (spawn=deny): only " +
        "--mode cpr-transfer or live",
    };
  }
  const ram = unsharedRam(line);
  if (ram !== undefined) yield { code: "memory-backends", text: ram };
}

/**
 * The first obstacle on a command line.
 *
 * @throws {CmdlineError} when it cannot be parsed
 */
export function obstacleOn(line: CommandLine): Obstacle | undefined {
  const [first] = obstaclesOn(line);
  return first;
}

/**
 * The first one for a VM whose libvirt daemon can be stopped for the update.
 */
export function domainObstacleOn(line: CommandLine): Obstacle | undefined {
  const [first] = domainObstaclesOn(line);
  return first;
}

function unsharedRam(line: CommandLine): string | undefined {
  if (!sharesAuxiliary(line)) return "it was started without aux-ram-share=on";
  const [first] = unsharedBackends(line);
  if (first !== undefined) {
    return `its RAM "${first}" is not shared (share=off)`;
  }
  return hasDefaultRam(line)
    ? "its RAM is not shared: its machine has no memory-backend"
    : undefined;
}
