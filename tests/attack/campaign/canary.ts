/** What canaries wrote down of themselves, and what a VM's process is. */

import { assert } from "@std/assert";

/** What a process runs as. */
export interface Rights {
  readonly what: string;
  readonly uids: string;
  readonly gids: string;
  readonly groups: string;
  /** Inheritable, permitted, effective and ambient. */
  readonly capabilities: bigint;
  readonly bounding: bigint;
  readonly noNewPrivileges: number;
  readonly seccomp: number;
  readonly seccompFilters: number;
  readonly controlGroups: string;
}

/** What a canary found. */
export interface Sighting extends Rights {
  readonly session: number;
  readonly terminal: number;
  readonly descriptors: readonly string[];
  /** What it could do and must not. */
  readonly gains: readonly string[];
}

/** Reads /proc/PID/status and /proc/PID/cgroup, one behind the other. */
function parseRights(what: string, text: string): Rights {
  const line = (name: string) =>
    new RegExp(`^${name}:[ \t]*(.*)$`, "m").exec(text)?.[1]?.trim() ?? "";
  const set = (name: string) => BigInt(`0x${line(name) || "0"}`);
  return {
    what,
    uids: line("Uid"),
    gids: line("Gid"),
    groups: line("Groups"),
    capabilities: set("CapInh") | set("CapPrm") | set("CapEff") |
      set("CapAmb"),
    bounding: set("CapBnd"),
    noNewPrivileges: Number(line("NoNewPrivs")),
    seccomp: Number(line("Seccomp")),
    seccompFilters: Number(line("Seccomp_filters")),
    controlGroups: (text.match(/^\d+:[^:\n]*:\/.*$/gm) ?? []).join("\n"),
  };
}

/** What a process runs as now. */
export function rightsOf(pid: number): Rights {
  const read = (name: string) => Deno.readTextFileSync(`/proc/${pid}/${name}`);
  return parseRights(`process ${pid}`, read("status") + read("cgroup"));
}

/** Every canary that wrote something, in the order in which they ran. */
export async function sightings(folder: string): Promise<Sighting[]> {
  const text = await Deno.readTextFile(`${folder}/seen`);
  const blocks = text.matchAll(/^=== (.*)\n([^]*?)^===$/gm);
  return [...blocks].map(([, what = "", block = ""]) => {
    const stat = /^stat (.*)$/m.exec(block)?.[1] ?? "";
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return {
      ...parseRights(what, block),
      session: Number(fields[3]),
      terminal: Number(fields[4]),
      descriptors: [...block.matchAll(/^fd (.*)$/gm)].map(([, it = ""]) => it),
      gains: block.match(/^(tty|read .*|write .*)$/gm) ?? [],
    };
  });
}

/** @throws {AssertionError} when one may do what the VM may not */
export function assertNoMore(it: Rights, vm: Rights): void {
  const said = `${it.what}: ${inspect(it)}, the VM: ${inspect(vm)}`;
  for (const name of ["uids", "gids", "groups", "controlGroups"] as const) {
    assert(it[name] === vm[name], `Other ${name}, ${said}`);
  }
  assert((it.capabilities & ~vm.capabilities) === 0n, `Capabilities, ${said}`);
  assert((it.bounding & ~vm.bounding) === 0n, `Bounding set, ${said}`);
  for (
    const name of ["noNewPrivileges", "seccomp", "seccompFilters"] as const
  ) {
    assert(it[name] >= vm[name], `Less ${name}, ${said}`);
  }
}

function inspect(it: Rights): string {
  return Deno.inspect(it, { depth: 1, compact: true, breakLength: Infinity });
}
