/**
 * The processes of this host that run a virtual machine, as far as /proc shows
 * them to this user. Processes come and go while it is read.
 *
 * @module
 */

import { isGone } from "../../gone.ts";
import { UnreadableError } from "../../bounded_file.ts";
import { beginCommandLine } from "../../proc/cmdline.ts";
import { readOwner, readPids } from "../../proc/processes.ts";
import type { ProgramName } from "../vm/facts.ts";

/** A process that runs a virtual machine. */
export interface VmProcess {
  readonly pid: number;
  readonly program: ProgramName;
  readonly argv: readonly string[];
}

/** A process that may run a VM, and is not looked at. */
export interface PassedOver {
  readonly pid: number;
  readonly why: string;
}

/** What a look over all processes found. */
export interface VmProcesses {
  /** By ascending pid. */
  readonly found: readonly VmProcess[];
  /** How many more there are that this user may not look at. */
  readonly unreadable: number;
  /** Those that let nobody look at them, by ascending pid. */
  readonly passedOver: readonly PassedOver[];
}

/** qemu-system-x86_64, qemu-kvm, kvm, qemu; not qemu-img or qemu-ga. */
const QEMU = /^(?:qemu(?:-system-[\w.-]+|-kvm)?|kvm)$/;
const CPRCTL = /^(?:main\.[jt]s|cprctl[\w.-]*)$/;
/** What runs cprctl; what starts it, such as timeout or sudo, has its words. */
const RUNTIME = /^(?:deno|cprctl[\w.-]*)$/;
/** A second process that QEMU starts to free its RAM: same words, no VM. */
const TEARDOWN = /^cleanup\/\d+$/;

/** One that keeps its reader waiting delays none but those behind it. */
const AT_ONCE = 16;
/** Each read that hangs takes a thread of this process. */
const HANGING_PER_USER = 16;
/** Of command lines; a user with a thousand VMs has less. */
const BYTES_PER_USER = 16 * 1024 * 1024;

/** Looks for virtual machines among all processes but this one. */
export async function findVmProcesses(): Promise<VmProcesses> {
  const search = new Search();
  const pids = (await readPids()).filter((pid) => pid !== Deno.pid);
  const waiting = pids.values();
  const worker = async () => {
    for (const pid of waiting) await search.look(pid);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return search;
}

/** What is found, and how much of this process each user takes for that. */
class Search implements VmProcesses {
  readonly #found: VmProcess[] = [];
  readonly #passedOver: PassedOver[] = [];
  unreadable = 0;
  /** By user. */
  readonly #hanging = new Map<number, number>();
  readonly #bytes = new Map<number, number>();

  get found(): readonly VmProcess[] {
    return this.#found.sort((a, b) => a.pid - b.pid);
  }

  get passedOver(): readonly PassedOver[] {
    return this.#passedOver.sort((a, b) => a.pid - b.pid);
  }

  async look(pid: number): Promise<void> {
    try {
      const { uid } = await readOwner(pid);
      const hanging = this.#hanging.get(uid) ?? 0;
      const process = hanging < HANGING_PER_USER
        ? await this.#read(pid, uid)
        : `user ${uid} has ${hanging} other processes that cannot be read`;
      if (process === "denied") this.unreadable++;
      else if (typeof process === "string") {
        this.#passedOver.push({ pid, why: process });
      } else if (process !== undefined) this.#found.push(process);
    } catch (error) {
      if (isGone(error) || error instanceof Deno.errors.PermissionDenied) {
        return; // it may not even be known what it is
      }
      throw error;
    }
  }

  /** Any other text says why the process is passed over. */
  async #read(
    pid: number,
    uid: number,
  ): Promise<VmProcess | "denied" | string | undefined> {
    let begun: Awaited<ReturnType<typeof beginCommandLine>>;
    try {
      begun = await beginCommandLine(pid);
    } catch (error) {
      if (!(error instanceof UnreadableError)) throw error;
      this.#hanging.set(uid, (this.#hanging.get(uid) ?? 0) + 1);
      return error.message;
    }
    const { words: argv, whole } = begun;
    // Neither threads of the kernel nor what has ended have words.
    if (argv.length === 0 && whole) return undefined;
    const executable = await readLink(`/proc/${pid}/exe`);
    const program = programOf(argv, executable);
    if (program === undefined) return undefined;
    if (executable === undefined) return "denied";
    const name = await Deno.readTextFile(`/proc/${pid}/comm`);
    if (TEARDOWN.test(name.trimEnd())) return undefined;
    if (!whole) return "its command line is longer than that of any VM";
    const bytes = argv.reduce((sum, { length }) => sum + length + 1, 0) +
      (this.#bytes.get(uid) ?? 0);
    if (bytes > BYTES_PER_USER) {
      return `the command lines of user ${uid} have more than ` +
        `${BYTES_PER_USER} bytes together`;
    }
    this.#bytes.set(uid, bytes);
    return { pid, program, argv };
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
