/**
 * Pins the address space of another process beyond its exec or its end.
 *
 * The kernel frees an address space when its last user drops it, and an exec
 * waits for that: about 50 ms for each gigabyte. A read from `/proc/PID/mem` is
 * a user until it ends, and this read ends when we want:
 *
 * ```
 * pread(/proc/PID/mem, page) on a thread
 *   the kernel pins the address space and copies a byte of it to our page,
 *   which is not present ─▶ userfaultfd(2): the read waits
 *   …
 * close(userfaultfd) ─▶ the page is present and the read ends; without other
 *   users the thread frees the address space
 * ```
 *
 * The wait is killable: nothing is left of it when this process ends.
 *
 * @module
 */

import { Fd } from "./fd.ts";
import { call, libc, OsError, osError } from "./libc.ts";
import { O_RDONLY } from "./open_flags.ts";
import { POLLIN } from "./poll.ts";
import { WaitableFd } from "./waitable_fd.ts";

const UFFD_FLAGS = 0o2000000 | 0o4000; // O_CLOEXEC | O_NONBLOCK

/** `struct uffdio_api { u64 api, features, ioctls; }` */
const UFFDIO_API = 0xc018aa3fn;
const UFFD_API = 0xaan;
/** `struct uffdio_register { u64 start, length, mode, ioctls; }` */
const UFFDIO_REGISTER = 0xc020aa00n;
const REGISTER_MISSING = 1n;

const PROT_READ_WRITE = 3;
const MAP_PRIVATE_ANONYMOUS = 0x22;
/** The largest page size; only the first byte is used. */
const PAGE_BYTES = 65_536;

/** Pins an address space until it is disposed of. */
export class AddressSpacePin implements AsyncDisposable {
  private constructor(
    private readonly stack: DisposableStack,
    private readonly faults: WaitableFd,
    private readonly read: Promise<number>,
  ) {}

  /**
   * Pins the address space of a process.
   *
   * @param address of a readable byte in the process
   * @throws {OsError} EACCES or EPERM without the right to trace the process or
   * to handle page faults of the kernel; ENOSYS; EIO when the byte cannot be
   * read; ETIMEDOUT.
   */
  static async begin(
    pid: number,
    address: bigint,
    timeoutMs: number,
  ): Promise<AddressSpacePin> {
    using stack = new DisposableStack();
    const memory = stack.use(Fd.open(`/proc/${pid}/mem`, O_RDONLY));
    const page = missingPage(stack);
    const faults = stack.use(new WaitableFd(faultsOf(page)));
    const read = libc().pread_on_thread(memory.number, page, 1n, address);
    const pin = new AddressSpacePin(stack.move(), faults, read);
    const end = await Promise.race([
      stalled(faults, timeoutMs),
      read.then(() => "over" as const),
    ]);
    if (end === "stalled") return pin;
    await pin[Symbol.asyncDispose]();
    const code = end === "over" ? "EIO" : "ETIMEDOUT";
    throw osError(code, "pread", `/proc/${pid}/mem`);
  }

  /** Unpins; if there is no other user, waits until the memory is freed. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.faults[Symbol.dispose]();
    await this.read;
    this.stack[Symbol.dispose]();
  }
}

/** Waits until the read waits for the page. */
async function stalled(
  faults: WaitableFd,
  timeoutMs: number,
): Promise<"stalled" | "late"> {
  try {
    return await faults.wait(POLLIN, timeoutMs) === 0 ? "late" : "stalled";
  } catch (error) {
    // Disposed of, because the read ended at once.
    if (!(error instanceof OsError) || error.code !== "ECANCELED") throw error;
    return "late";
  }
}

/** The address of a page that is not present. */
function missingPage(stack: DisposableStack): bigint {
  const size = BigInt(PAGE_BYTES);
  const how = [PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0n] as const;
  const page = BigInt(call("mmap", [0n, size, ...how]));
  stack.defer(() => call("munmap", [page, size]));
  return page;
}

/** The userfaultfd for the page. */
function faultsOf(page: bigint): Fd {
  using made = new DisposableStack();
  const faults = made.use(Fd.adopt(call("userfaultfd", [UFFD_FLAGS])));
  control(faults, UFFDIO_API, [UFFD_API, 0n, 0n]);
  const range = [page, BigInt(PAGE_BYTES)];
  control(faults, UFFDIO_REGISTER, [...range, REGISTER_MISSING, 0n]);
  made.move();
  return faults;
}

function control(faults: Fd, request: bigint, words: bigint[]): void {
  const argument = BigUint64Array.from(words);
  call("ioctl", [faults.number, request, argument], faults.number);
}
