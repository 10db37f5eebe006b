/**
 * Control groups of version 1 (a hierarchy per controller), version 2 (one
 * hierarchy, "" here), or both at once.
 *
 * @module
 */

import { readProcText } from "./file.ts";
import { ifThereSync } from "../gone.ts";
import { parseMountinfo } from "./mountinfo.ts";

/** The group in each hierarchy, by the controllers of the hierarchy. */
export type Cgroups = Readonly<Record<string, string>>;

/** Whether a whole process moves, or one of its threads. */
export type CgroupMember = "process" | "thread";

/** The files that members are written to. */
const VERSION_1_MEMBERS = { process: "cgroup.procs", thread: "tasks" } as const;

/** Parses /proc/PID/cgroup, which has one line per hierarchy. */
export function parseCgroups(text: string): Cgroups {
  const groups: Record<string, string> = {};
  for (const line of text.split("\n")) {
    // 9:cpu,cpuacct:/machine.slice/a; the path may have colons.
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    groups[controllers] = path;
  }
  return groups;
}

/** Reads the groups of a process. */
export async function readCgroups(pid: number): Promise<Cgroups> {
  return parseCgroups(await readProcText(pid, "cgroup"));
}

/**
 * The same, synchronously: the kernel has all of it and never waits.
 *
 * @param folder in /proc
 */
export function readCgroupsSync(
  folder: number | "self" | `${number}/task/${number}`,
): Cgroups {
  return parseCgroups(Deno.readTextFileSync(`/proc/${folder}/cgroup`));
}

/** The hierarchies that this process sees. */
export function readCgroupMounts(): CgroupMount[] {
  return cgroupMounts(Deno.readTextFileSync("/proc/self/mountinfo"));
}

/** The groups that differ from those of another process. */
export function otherCgroups(groups: Cgroups, than: Cgroups): Cgroups {
  return Object.fromEntries(
    Object.entries(groups).filter(([name, path]) => than[name] !== path),
  );
}

/**
 * Moves a process or thread into groups.
 *
 * @param id of the process or thread
 * @returns the reason for each group that it could not be moved into
 */
export function joinCgroups(
  member: CgroupMember,
  id: number,
  groups: Cgroups,
): string[] {
  const wanted = Object.entries(groups);
  if (wanted.length === 0) return [];
  const mounts = readCgroupMounts();
  return wanted.flatMap(([controllers, path]) => {
    const folder = folderOf(mounts, controllers, path);
    if (folder === undefined) return [`cgroup "${path}": not mounted`];
    try {
      if (controllers === "") joinVersion2(member, id, folder);
      else add(id, `${folder}/${VERSION_1_MEMBERS[member]}`);
      return [];
    } catch (error) {
      // Any refusal of the kernel (no right, no such group, a group that takes no
      // members): Deno has no class for some of them.
      if (!(error instanceof Error)) throw error;
      return [`cgroup "${path}": ${error.message}`];
    }
  });
}

/**
 * Moves this process into groups.
 *
 * @returns the reason for each group that it could not be moved into
 */
export function enterCgroups(groups: Cgroups): string[] {
  const others = otherCgroups(groups, readCgroupsSync("self"));
  return joinCgroups("process", Deno.pid, others);
}

/**
 * A threaded group accepts only threads, of processes in the nearest group above
 * that is not threaded: so the process joins that group first.
 */
function joinVersion2(member: CgroupMember, id: number, folder: string): void {
  if (member === "thread") return add(id, `${folder}/cgroup.threads`);
  let domain = folder;
  while (isThreaded(domain)) domain = domain.slice(0, domain.lastIndexOf("/"));
  add(id, `${domain}/cgroup.procs`);
  if (domain !== folder) add(id, `${folder}/cgroup.threads`);
}

/** The root group has no type. */
function isThreaded(folder: string): boolean {
  const file = `${folder}/cgroup.type`;
  return ifThereSync(() => Deno.readTextFileSync(file)) === "threaded\n";
}

function add(id: number, file: string): void {
  Deno.writeTextFileSync(file, `${id}`, { create: false });
}

/** A mounted hierarchy. */
export interface CgroupMount {
  /** Empty for version 2. */
  readonly controllers: ReadonlySet<string>;
  /** The group that is visible at the mount point. */
  readonly root: string;
  readonly mountPoint: string;
}

/** Reads the hierarchies from the text of /proc/PID/mountinfo. */
export function cgroupMounts(mountinfo: string): CgroupMount[] {
  return parseMountinfo(mountinfo)
    .filter(({ type }) => type === "cgroup" || type === "cgroup2")
    .map(({ root, mountPoint, type, options }) => ({
      controllers: new Set(type === "cgroup" ? options.split(",") : []),
      root,
      mountPoint,
    }));
}

/** The directory of a group; undefined if its hierarchy is not mounted here. */
export function folderOf(
  mounts: readonly CgroupMount[],
  controllers: string,
  path: string,
): string | undefined {
  const names = controllers === "" ? [] : controllers.split(",");
  for (const mount of mounts) {
    const isIt = names.length === 0
      ? mount.controllers.size === 0
      : names.every((name) => mount.controllers.has(name));
    if (!isIt) continue;
    const base = mount.root === "/" ? "" : mount.root;
    if (path !== base && !path.startsWith(`${base}/`)) continue;
    return mount.mountPoint + path.slice(base.length);
  }
  return undefined;
}
