import { Fd } from "../../../ffi/fd.ts";
import { openForeignMemfd } from "../../../ffi/foreign_file.ts";
import { ifPossible, OsError } from "../../../ffi/libc.ts";
import { O_ACCMODE, O_NONBLOCK } from "../../../ffi/open_flags.ts";
import type { ProcessHandle } from "../../../ffi/process.ts";
import { readFdinfoSync } from "../../proc/fdinfo.ts";
import { CPR_EXEC_STATE, type CprState, readCprState } from "../../cpr/mod.ts";
import { UpdateProblem } from "../error.ts";
import { findDescriptor } from "../../proc/descriptors.ts";
import type { Preserved } from "../standby/holdings.ts";

/** More than every vfio vector and RAMBlock that a VM can have. */
const MAXIMUM_DESCRIPTORS = 4096;

export const STANDARD_STREAMS = [0, 1, 2];

/** Guest RAM that stays in place. */
export interface PreservedRam {
  /** RAMBlocks that are files. */
  readonly blocks: number;
  readonly bytes: number;
}

/**
 * Duplicates of the descriptors with which a VM outlives its process: those of
 * CPR state, those that its command line names, and the standard streams. While
 * this is held, guest RAM cannot be lost, except RAM in named files, which
 * persists anyway.
 */
export class Hold implements Disposable {
  private constructor(
    readonly cprState: CprState,
    /** By their number in the VM's process. */
    readonly descriptors: ReadonlyMap<number, Fd>,
    /** Those among them that are sent over a monitor. */
    private readonly sent: ReadonlySet<number>,
    /** The guest RAM among them. */
    readonly ram: PreservedRam,
  ) {}

  /**
   * Duplicates the descriptors of a VM in pre-switchover. Runs synchronously:
   * the guest is stopped.
   *
   * @param named descriptors that its command line names
   * @param sent descriptors that are sent to the next program's monitor
   * @throws {UpdateProblem} when there is no CPR state, or it is not valid
   * @throws {OsError} EPERM without the right to trace the process
   */
  static take(
    process: ProcessHandle,
    named: readonly number[],
    sent: readonly number[] = [],
  ): Hold {
    const cprState = readState(process.pid);
    using stack = new DisposableStack();
    const descriptors = new Map<number, Fd>();
    let bytes = 0;
    let blocks = 0;
    for (const { name, descriptor } of cprState.descriptors) {
      if (descriptors.has(descriptor)) {
        throw new UpdateProblem(
          "cpr-state-lies",
          `CPR state names descriptor ${descriptor} twice, also for "${name}"`,
        );
      }
      const held = stack.use(duplicateNamed(process, name, descriptor));
      descriptors.set(descriptor, held);
      const status = held.stat();
      if (!status.isFile) continue;
      blocks++;
      bytes += status.size;
    }
    for (const number of [...STANDARD_STREAMS, ...named, ...sent]) {
      if (descriptors.has(number)) continue;
      descriptors.set(number, stack.use(duplicateFrom(process, number)));
    }
    stack.move();
    return new Hold(cprState, descriptors, new Set(sent), { blocks, bytes });
  }

  /** All descriptors, as a standby takes them. */
  get preserved(): Preserved[] {
    const { descriptors } = this.cprState;
    const named = new Set(descriptors.map(({ descriptor }) => descriptor));
    return [
      ...descriptors.map(({ name, id, descriptor }): Preserved => ({
        role: { name, id },
        fd: this.#at(descriptor),
      })),
      ...[...this.descriptors].filter(([number]) => !named.has(number))
        .map(([number, fd]): Preserved => ({
          role: this.sent.has(number) ? { sent: number } : { number },
          fd,
        })),
    ];
  }

  #at(number: number): Fd {
    const fd = this.descriptors.get(number);
    if (fd === undefined) throw new Error(`Descriptor ${number} is not held`);
    return fd;
  }

  /** Whether a RAMBlock's memory is held. */
  has(block: string): boolean {
    return this.#entry(block) !== undefined;
  }

  /** Whether memory of exactly this size is held under the name. */
  hasMemory(name: string, size: number): boolean {
    const entry = this.#entry(name);
    if (entry === undefined) return false;
    const status = this.#at(entry.descriptor).stat();
    return status.isFile && status.size === size;
  }

  #entry(block: string) {
    return this.cprState.descriptors.find(({ name, id }) =>
      name === block && id === 0
    );
  }

  [Symbol.dispose](): void {
    for (const held of this.descriptors.values()) held.close();
  }
}

/** ROMs of PCI devices. */
const ROM = /\/.+\.rom$/;
const MEMFD = /^\/memfd:(.*) \(deleted\)$/;

/**
 * Duplicates a descriptor of CPR state. QEMU leaves the ROM of a PCI device in
 * there when the device is unplugged, and aborts after the exec: the descriptor
 * is closed, or it has become another file's.
 *
 * @throws {UpdateProblem} when it is not what CPR state says
 */
function duplicateNamed(
  process: ProcessHandle,
  name: string,
  number: number,
): Fd {
  if (!ROM.test(name)) return duplicateFrom(process, number);
  const held = ifPossible(() => duplicateFrom(process, number), "EBADF");
  if (held !== undefined && !isOfAnother(process.pid, name, number)) {
    return held;
  }
  held?.close();
  throw new UpdateProblem(
    "ram-left-over",
    `CPR state still has "${name}", whose memory is gone: a PCI device with ` +
      "a ROM was unplugged",
    { remedy: "Move the VM with --mode cpr-transfer or live" },
  );
}

function isOfAnother(pid: number, name: string, number: number): boolean {
  const target = Deno.readLinkSync(`/proc/${pid}/fd/${number}`);
  const memfd = MEMFD.exec(target)?.[1];
  return memfd === undefined ? !target.startsWith("/") : !name.endsWith(memfd);
}

/**
 * A duplicate of another process's descriptor. Where only a parent may trace a
 * process (Yama), the file is opened again instead, which is equivalent for
 * memory and regular files.
 */
export function duplicateFrom(process: ProcessHandle, number: number): Fd {
  const duplicate = ifPossible(() => process.getFd(number), "EPERM");
  if (duplicate !== undefined) return duplicate;
  const { flags } = readFdinfoSync(process.pid, number);
  const file = Fd.open(
    `/proc/${process.pid}/fd/${number}`,
    flags & O_ACCMODE | O_NONBLOCK,
  );
  file.setNonblocking((flags & O_NONBLOCK) !== 0);
  return file;
}

function readState(pid: number): CprState {
  const wanted = `/memfd:${CPR_EXEC_STATE} (deleted)`;
  const number = findDescriptor(pid, wanted);
  if (number === undefined) {
    throw new UpdateProblem("no-cpr-state", `Process ${pid} has no CPR state`);
  }
  using memfd = openState(pid, number);
  const state = readCprState(memfd);
  if (state.descriptors.length <= MAXIMUM_DESCRIPTORS) return state;
  throw new UpdateProblem(
    "cpr-state-lies",
    `CPR state names ${state.descriptors.length} descriptors`,
  );
}

/** The process chooses the name; the kernel says whether it is a memfd. */
function openState(pid: number, number: number): Fd {
  try {
    return openForeignMemfd(pid, number);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    throw new UpdateProblem(
      "cpr-state-lies",
      `CPR state of process ${pid} cannot be read: ${error.description} ` +
        `(${error.code})`,
      { cause: error },
    );
  }
}
