/**
 * The processes of this host that run a virtual machine, as far as /proc shows
 * them to this user. Processes come and go while it is read.
 *
 * @module
 */

import { isGone, readCommandLine } from "../process/proc.ts";
import type { ProgramName } from "../vm/facts.ts";

/** A process that runs a virtual machine. */
export interface VmProcess {
  readonly pid: number;
  readonly program: ProgramName;
  readonly argv: readonly string[];
}

/** What a look over all processes found. */
export interface VmProcesses {
  /** By ascending pid. */
  readonly found: readonly VmProcess[];
  /** How many more there are that this user may not look at. */
  readonly unreadable: number;
}

/** qemu-system-x86_64, qemu-kvm, kvm, qemu; not qemu-img or qemu-ga. */
const QEMU = /^(?:qemu(?:-system-[\w.-]+|-kvm)?|kvm)$/;
const CPRCTL = /^(?:main\.[jt]s|cprctl[\w.-]*)$/;
/** What runs cprctl; what starts it, such as timeout or sudo, has its words. */
const RUNTIME = /^(?:deno|cprctl[\w.-]*)$/;
/** A second process that QEMU starts to free its RAM: same words, no VM. */
const TEARDOWN = /^cleanup\/\d+$/;

/** Looks for virtual machines among all processes but this one. */
export async function findVmProcesses(): Promise<VmProcesses> {
  const found: VmProcess[] = [];
  let unreadable = 0;
  for await (const { name } of Deno.readDir("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === Deno.pid) continue;
    const process = await look(pid);
    if (process === "denied") unreadable++;
    else if (process !== undefined) found.push(process);
  }
  return { found: found.sort((a, b) => a.pid - b.pid), unreadable };
}

/** "denied" where the words are a VM's, and the rest is not for this user. */
async function look(pid: number): Promise<VmProcess | "denied" | undefined> {
  try {
    const argv = await readCommandLine(pid);
    // Neither threads of the kernel nor what has ended have words.
    if (argv.length === 0) return undefined;
    const executable = await readLink(`/proc/${pid}/exe`);
    const program = programOf(argv, executable);
    if (program === undefined) return undefined;
    if (executable === undefined) return "denied";
    const name = await Deno.readTextFile(`/proc/${pid}/comm`);
    return TEARDOWN.test(name.trimEnd()) ? undefined : { pid, program, argv };
  } catch (error) {
    if (isGone(error) || error instanceof Deno.errors.PermissionDenied) {
      return undefined; // it may not even be known what it is
    }
    throw error;
  }
}

/**
 * Which program a process runs a VM with, by its words and its executable;
 * undefined for any other process.
 */
export function programOf(
  argv: readonly string[],
  executable: string | undefined,
): ProgramName | undefined {
  const [first = ""] = argv;
  const file = (executable ?? "").replace(/ \(deleted\)$/, "");
  if ([file, first].some((path) => QEMU.test(baseName(path)))) return "QEMU";
  if (executable !== undefined && !RUNTIME.test(baseName(file))) {
    return undefined;
  }
  const machine = argv.indexOf("machine");
  const hasOptions = argv[machine + 1]?.startsWith("-") ?? true;
  return machine > 0 && hasOptions && CPRCTL.test(baseName(argv[machine - 1]))
    ? "cprctl"
    : undefined;
}

function baseName(path = ""): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

async function readLink(path: string): Promise<string | undefined> {
  try {
    return await Deno.readLink(path);
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) return undefined;
    throw error;
  }
}
