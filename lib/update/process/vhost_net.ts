/**
 * vhost-net of this host, which a VM has been given open: `vhostfd=`, as libvirt
 * and Ganeti start VMs.
 *
 * A vhost device belongs to the address space that first called VHOST_SET_OWNER
 * on it, so no program that is executed later can use it. Each gets one that was
 * opened afresh, as those managers did it: by root, from root's own /dev.
 *
 * @module
 */

import { Fd, openedWith } from "../../../ffi/fd.ts";
import { knownStatus } from "../../../ffi/file_status.ts";
import { foreignStatus } from "../../../ffi/foreign_file.ts";
import { ifPossible, OsError, osError } from "../../../ffi/libc.ts";
import { canKeepOpen } from "../../../ffi/open_over_exec.ts";
import {
  O_ACCMODE,
  O_NOFOLLOW,
  O_PATH,
  O_RDWR,
} from "../../../ffi/open_flags.ts";
import { PidFd, type ProcessHandle } from "../../../ffi/process.ts";
import { UpdateProblem } from "../error.ts";

/** Where it is. */
export const VHOST_NET = "/dev/vhost-net";
const CODE = "vhost-net";
/** An int. */
const MAXIMUM_NUMBER = 2 ** 31 - 1;

const AS_ROOT = "Run cprctl as root";
const LOAD = "Load the kernel module vhost_net";
const REMEDIES: Readonly<Record<string, string>> = {
  ...{ EACCES: AS_ROOT, EPERM: AS_ROOT },
  ...{ ENOENT: LOAD, ENODEV: LOAD, ENXIO: LOAD },
};

/** Descriptors of which some were opened afresh. */
export interface Renewed<Held> extends Disposable {
  readonly all: readonly Held[];
}

/** The device, by its path. */
export class VhostNet {
  constructor(readonly path: string = VHOST_NET) {}

  /**
   * Opens it in the place of a descriptor of a VM's process, which must be this
   * very device, and really open: whoever may not open a device may still have
   * an O_PATH descriptor of it, or another file under its name.
   *
   * @throws {UpdateProblem} when it is not, or this process may not open it
   */
  openFor(process: ProcessHandle, number: number): Fd {
    const device = this.#explained(() => this.#device());
    using held = number <= MAXIMUM_NUMBER
      ? ifPossible(() => process.getFd(number), "EBADF")
      : undefined;
    if (held === undefined || !isOpen(held, device)) {
      throw new UpdateProblem(
        CODE,
        `Descriptor ${number} of process ${process.pid} is not ${this.path}`,
        { remedy: "Restart the VM without that descriptor" },
      );
    }
    return this.#open();
  }

  /** Why the device cannot be opened for a VM's descriptor, if so. */
  problemOf(pid: number, number: number): UpdateProblem | undefined {
    try {
      if (!canKeepOpen) throw osError("ENOSYS", "ptrace", `process ${pid}`);
      using process = PidFd.open(pid);
      using _device = this.openFor(process, number);
      return undefined;
    } catch (error) {
      if (error instanceof UpdateProblem) return error;
      if (!(error instanceof OsError)) throw error;
      return new UpdateProblem(CODE, error.message, { cause: error });
    }
  }

  /**
   * What a program can be started with: those that are this device are opened
   * afresh. Each start needs others.
   *
   * @throws {UpdateProblem} when this process may not open it
   */
  renew<Held extends { readonly fd: Fd }>(
    held: readonly Held[],
  ): Renewed<Held> {
    const device = this.#known();
    using stack = new DisposableStack();
    const all = held.map((one) =>
      isOpen(one.fd, device) ? { ...one, fd: stack.use(this.#open()) } : one
    );
    const opened = stack.move();
    return { all, [Symbol.dispose]: () => opened.dispose() };
  }

  /** Whether a file that a process has open is this device. */
  isFile({ isCharDevice, rdev }: Deno.FileInfo): boolean {
    return isCharDevice === true && rdev !== null &&
      BigInt(rdev) === this.#known();
  }

  #open(): Fd {
    return this.#explained(() => Fd.open(this.path, O_RDWR | O_NOFOLLOW));
  }

  /** Its number; undefined where there is none. */
  #known(): bigint | undefined {
    return ifPossible(() => this.#device());
  }

  /** @throws {OsError} */
  #device(): bigint {
    const { isCharacterDevice, rdev } = foreignStatus(this.path);
    if (!isCharacterDevice) throw osError("ENODEV", "open", this.path);
    return rdev;
  }

  /** @throws {UpdateProblem} */
  #explained<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof OsError)) throw error;
      throw new UpdateProblem(
        CODE,
        `Cannot open ${this.path} again: ${error.description} (${error.code})`,
        { remedy: REMEDIES[error.code], cause: error },
      );
    }
  }
}

/** Whether a descriptor has a device open for reading and writing. */
function isOpen({ number }: Fd, device: bigint | undefined): boolean {
  const flags = openedWith(number);
  if ((flags & O_PATH) !== 0 || (flags & O_ACCMODE) !== O_RDWR) return false;
  const { isCharacterDevice, rdev } = knownStatus(number);
  return isCharacterDevice && rdev === device;
}
