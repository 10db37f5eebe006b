/**
 * The processes of this host that run a virtual machine, as far as this user
 * may see them in /proc. Processes may start and end while it is read.
 *
 * @module
 */

import { isHidden, readProcText } from "../../proc/file.ts";
import { UnreadableError } from "../../bounded_file.ts";
import { fileNameOf } from "../../path.ts";
import { beginCommandLine } from "../../proc/cmdline.ts";
import { readOwner, readPids } from "../../proc/processes.ts";
import { expandConfigFiles } from "../command/config_file.ts";
import { RefusedError } from "../error.ts";
import { isNamedQemu } from "../process/successor.ts";
import type { ProgramName } from "../vm/facts.ts";

/** A process that runs a virtual machine. */
export interface VmProcess {
  readonly pid: number;
  readonly program: ProgramName;
  /** With the options in its files of -readconfig. */
  readonly argv: readonly string[];
}

/** A process that may run a VM, and could not be examined. */
export interface SkippedProcess {
  readonly pid: number;
  readonly why: string;
}

/** The result of a search through all processes. */
export interface VmProcesses {
  /** By ascending pid. */
  readonly found: readonly VmProcess[];
  /** Number of further VMs that this user may not examine. */
  readonly unreadable: number;
  /** By ascending pid. */
  readonly skipped: readonly SkippedProcess[];
}

const CPRCTL = /^(?:main\.[jt]s|cprctl[\w.-]*)$/;
/**
 * The executable of a cprctl, unlike that of timeout or sudo in front of it.
 */
const RUNTIME = /^(?:deno|cprctl[\w.-]*)$/;
/** QEMU's process that frees its RAM: it has the same command line. */
const TEARDOWN = /^cleanup\/\d+$/;

/** Number of parallel reads: a read of /proc/PID may hang. */
const PARALLEL = 16;
/** Each hanging read takes a thread of this process. */
const HANGING_PER_USER = 16;
/** For the command lines of one user; a thousand VMs have less. */
const BYTES_PER_USER = 16 * 1024 * 1024;

/** Searches all other processes for virtual machines. */
export async function findVmProcesses(): Promise<VmProcesses> {
  const search = new Search();
  const pids = (await readPids()).filter((pid) => pid !== Deno.pid);
  const waiting = pids.values();
  const worker = async () => {
    for (const pid of waiting) await search.examine(pid);
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  return search;
}

/** A search, with the resources that it spends on each user. */
class Search implements VmProcesses {
  readonly #found: VmProcess[] = [];
  readonly #skipped: SkippedProcess[] = [];
  unreadable = 0;
  /** By user. */
  readonly #hanging = new Map<number, number>();
  readonly #bytes = new Map<number, number>();

  get found(): readonly VmProcess[] {
    return this.#found.sort((a, b) => a.pid - b.pid);
  }

  get skipped(): readonly SkippedProcess[] {
    return this.#skipped.sort((a, b) => a.pid - b.pid);
  }

  async examine(pid: number): Promise<void> {
    try {
      const { uid } = await readOwner(pid);
      const hanging = this.#hanging.get(uid) ?? 0;
      const process = hanging < HANGING_PER_USER
        ? await this.#read(pid, uid)
        : `user ${uid} has ${hanging} other processes that cannot be read`;
      if (process === "denied") this.unreadable++;
      else if (typeof process === "string") {
        this.#skipped.push({ pid, why: process });
      } else if (process !== undefined) this.#found.push(process);
    } catch (error) {
      // It is not known whether it is a VM.
      if (!isHidden(error)) throw error;
    }
  }

  /** Any other text says why the process is skipped. */
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
    // Kernel threads and zombies have an empty command line.
    if (argv.length === 0 && whole) return undefined;
    const executable = await readLink(`/proc/${pid}/exe`);
    const program = programOf(argv, executable);
    if (program === undefined) return undefined;
    if (executable === undefined) return "denied";
    const name = await readProcText(pid, "comm");
    if (TEARDOWN.test(name.trimEnd())) return undefined;
    if (!whole) return "its command line is too long for a VM";
    const vm = await withConfigFiles({ pid, program, argv });
    const bytes = vm.argv.reduce((sum, { length }) => sum + length + 1, 0) +
      (this.#bytes.get(uid) ?? 0);
    if (bytes > BYTES_PER_USER) {
      return `the command lines of user ${uid} have more than ` +
        `${BYTES_PER_USER} bytes in total`;
    }
    this.#bytes.set(uid, bytes);
    return vm;
  }
}

/** The same process, with the options in its files of -readconfig. */
async function withConfigFiles(process: VmProcess): Promise<VmProcess> {
  try {
    const { argv } = await expandConfigFiles(process);
    return { ...process, argv };
  } catch (error) {
    // The option stays, and is the obstacle.
    if (error instanceof RefusedError || isHidden(error)) return process;
    throw error;
  }
}

/**
 * The program of a VM's process, by its command line and its executable;
 * undefined for any other process.
 */
export function programOf(
  argv: readonly string[],
  executable: string | undefined,
): ProgramName | undefined {
  const [first = ""] = argv;
  const file = (executable ?? "").replace(/ \(deleted\)$/, "");
  if (isNamedQemu(file) || isNamedQemu(first)) return "QEMU";
  if (executable !== undefined && !RUNTIME.test(fileNameOf(file))) {
    return undefined;
  }
  const machine = argv.indexOf("machine");
  const hasOptions = argv[machine + 1]?.startsWith("-") ?? true;
  return machine > 0 && hasOptions &&
      CPRCTL.test(fileNameOf(argv[machine - 1] ?? ""))
    ? "cprctl"
    : undefined;
}

async function readLink(path: string): Promise<string | undefined> {
  try {
    return await Deno.readLink(path);
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) return undefined;
    throw error;
  }
}
