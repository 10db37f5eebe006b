/**
 * How much more memory a process may use before its control groups limit it:
 * the smallest room in its own group and all groups above it.
 *
 * ```
 *                        version 1                 version 2
 * the kernel kills at    memory.limit_in_bytes     memory.max
 * and slows down at                                memory.high
 * in use                 memory.usage_in_bytes     memory.current
 * reclaimable part       file pages, by memory.stat
 * swap limit             memory.memsw.*            memory.swap.*
 * ```
 *
 * Guest RAM in a memfd counts as used, and none of it can be reclaimed.
 *
 * @module
 */

import { ifThereSync } from "../../gone.ts";
import {
  folderOf,
  readCgroupMounts,
  readCgroupsSync,
} from "../../proc/cgroup.ts";

/** The group with the least room; in bytes. */
export interface MemoryRoom {
  /** Path of the group, as in /proc/PID/cgroup. */
  readonly group: string;
  readonly limit: number;
  /** Until the kernel kills a process in the group. */
  readonly left: number;
  /** Until the kernel throttles them, or swaps. */
  readonly leftAtEase: number;
}

/**
 * A starting program briefly needs this much more than the program before it
 * needed at its start; tests measured 4 to 6 MiB.
 */
export const START_BYTES = 8 * 1024 ** 2;

/**
 * For trial runs in the VM's control group: two programs at once, and cprctl.
 */
const TRIAL_BYTES = 4 * START_BYTES;

/**
 * Whether other programs may start in a process's control groups: without
 * enough room, the kernel would kill the largest process, which is the VM.
 */
export function hasRoomToTry(pid: number): boolean {
  return (memoryRoom(pid)?.left ?? Infinity) >= TRIAL_BYTES;
}

/** The file names of one version of control groups. */
interface Names {
  readonly limit: string;
  readonly high?: string;
  readonly used: string;
  readonly files: readonly string[];
  readonly swapLimit: string;
  readonly swapUsed: string;
  /** Whether the swap limit includes memory. */
  readonly together: boolean;
}

const VERSION_1: Names = {
  limit: "memory.limit_in_bytes",
  used: "memory.usage_in_bytes",
  files: ["total_inactive_file", "total_active_file"],
  swapLimit: "memory.memsw.limit_in_bytes",
  swapUsed: "memory.memsw.usage_in_bytes",
  together: true,
};

const VERSION_2: Names = {
  limit: "memory.max",
  high: "memory.high",
  used: "memory.current",
  files: ["inactive_file", "active_file"],
  swapLimit: "memory.swap.max",
  swapUsed: "memory.swap.current",
  together: false,
};

/** Version 1 has no "max": it shows the largest number of pages. */
const NO_LIMIT = 2 ** 60;

/** Undefined if the process has no limit, or the limit is not visible. */
export function memoryRoom(pid: number): MemoryRoom | undefined {
  const groups = readCgroupsSync(pid);
  const version1 = Object.keys(groups)
    .find((controllers) => controllers.split(",").includes("memory"));
  const path = groups[version1 ?? ""];
  if (path === undefined) return undefined;
  const folder = folderOf(readCgroupMounts(), version1 ?? "", path);
  if (folder === undefined) return undefined;
  const swapFree = freeSwap(Deno.readTextFileSync("/proc/meminfo"));
  return roomOf(folder, path, version1 === undefined ? 2 : 1, swapFree);
}

/**
 * The room of a group and of those above it.
 *
 * @param folder where it is mounted
 * @param path in the hierarchy
 */
export function roomOf(
  folder: string,
  path: string,
  version: 1 | 2,
  swapFree: number,
): MemoryRoom | undefined {
  const names = version === 1 ? VERSION_1 : VERSION_2;
  let smallest: MemoryRoom | undefined;
  let leftAtEase = Infinity;
  let [place, group] = [folder, path];
  while (group !== "" && group !== "/") {
    const room = roomIn(place, group, names, swapFree);
    leftAtEase = Math.min(leftAtEase, room.leftAtEase);
    if (room.left < (smallest?.left ?? Infinity)) smallest = room;
    place = above(place);
    group = above(group);
  }
  return smallest && { ...smallest, leftAtEase };
}

function roomIn(
  folder: string,
  group: string,
  names: Names,
  swapFree: number,
): MemoryRoom {
  const limit = read(folder, names.limit);
  const high = names.high === undefined ? limit : read(folder, names.high);
  const used = read(folder, names.used, 0);
  const here = limit - used;
  const swap = read(folder, names.swapLimit) - read(folder, names.swapUsed, 0) -
    (names.together && here !== Infinity ? here : 0);
  const givenBack = fileBytes(folder, names);
  return {
    group,
    limit,
    left: here + givenBack + Math.max(0, Math.min(swapFree, swap)),
    leftAtEase: Math.min(limit, high) - used + givenBack,
  };
}

function fileBytes(folder: string, { files }: Names): number {
  const statistics = content(folder, "memory.stat") ?? "";
  return statistics.split("\n").map((line) => line.split(" "))
    .filter(([name = ""]) => files.includes(name))
    .reduce((sum, [, bytes]) => sum + Number(bytes), 0);
}

/** Bytes; `otherwise` if there is no such file, or it contains "max". */
function read(folder: string, name: string, otherwise = Infinity): number {
  const said = content(folder, name)?.trim();
  if (said === undefined || said === "max") return otherwise;
  const bytes = Number(said);
  return bytes < NO_LIMIT ? bytes : Infinity;
}

/**
 * The root group has few of these files; one without the controller has none.
 */
function content(folder: string, name: string): string | undefined {
  return ifThereSync(() => Deno.readTextFileSync(`${folder}/${name}`));
}

function freeSwap(meminfo: string): number {
  return bytesIn(meminfo, "SwapFree");
}

/** Bytes that programs can use without others being swapped out. */
export function availableBytes(meminfo: string): number {
  return bytesIn(meminfo, "MemAvailable");
}

function bytesIn(meminfo: string, name: string): number {
  const line = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(meminfo);
  return Number(line?.[1] ?? 0) * 1024;
}

function above(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}
