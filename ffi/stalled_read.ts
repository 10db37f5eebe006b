/**
 * Keeps the memory of another process mapped beyond its exec or its end.
 *
 * An address space is taken apart when its last user lets go of it, and an exec
 * waits for that: some 50 ms for every gigabyte in it. Whoever reads from
 * `/proc/PID/mem` is one of the users until the read is over, and this read is
 * over when we say so:
 *
 * ```
 * pread(/proc/PID/mem, page) on a thread
 *   the kernel takes hold of the address space, copies a byte of it, and wants
 *   to put that into our page, which is not there ─▶ userfaultfd(2): it waits
 *   …
 * close(userfaultfd) ─▶ the page is there, the read over, and if nobody else
 *   uses the address space, the thread takes it apart
 * ```
 *
 * The wait can be killed: nothing is left of it when this process ends.
 *
 * @module
 */

import { Fd } from "./fd.ts";
import { check, libc, OsError, osError } from "./libc.ts";
import { O_RDONLY } from "./open_flags.ts";
import { POLLIN } from "./poll.ts";
import { WaitableFd } from "./waitable_fd.ts";

/** System call numbers, by architecture. */
const SYS_USERFAULTFD = { x86_64: 323n, aarch64: 282n } as const;
const UFFD_FLAGS = 0o2000000n | 0o4000n; // O_CLOEXEC | O_NONBLOCK

/** `struct uffdio_api { u64 api, features, ioctls; }` */
const UFFDIO_API = 0xc018aa3fn;
const UFFD_API = 0xaan;
/** `struct uffdio_register { u64 start, length, mode, ioctls; }` */
const UFFDIO_REGISTER = 0xc020aa00n;
const REGISTER_MISSING = 1n;

const PROT_READ_WRITE = 3;
const MAP_PRIVATE_ANONYMOUS = 0x22;
/** Nothing is read into but its first byte; a page of any architecture. */
const PAGE_BYTES = 65_536;

/** A read of another process's memory that is not over until it is disposed. */
export class StalledRead implements AsyncDisposable {
  readonly #stack: DisposableStack;
  readonly #faults: WaitableFd;
  readonly #read: Promise<number>;

  private constructor(
    stack: DisposableStack,
    faults: WaitableFd,
    read: Promise<number>,
  ) {
    this.#stack = stack;
    this.#faults = faults;
    this.#read = read;
  }

  /**
   * Begins to read; the address space is held when this resolves.
   *
   * @param address of a readable byte in the process
   * @throws {OsError} EACCES or EPERM without the right to trace the process or
   * to handle page faults of the kernel; ENOSYS; EIO when there is no byte;
   * ETIMEDOUT.
   */
  static async begin(
    pid: number,
    address: bigint,
    timeoutMs: number,
  ): Promise<StalledRead> {
    using stack = new DisposableStack();
    const memory = stack.use(Fd.open(`/proc/${pid}/mem`, O_RDONLY));
    const page = missingPage(stack);
    const faults = stack.use(new WaitableFd(faultsOf(page)));
    const read = libc()
      .pread_on_thread(memory.number, page, 1n, address);
    const held = new StalledRead(stack.move(), faults, read);
    const end = await Promise.race([
      stalled(faults, timeoutMs),
      read.then(() => "over" as const),
    ]);
    if (end === "stalled") return held;
    await held[Symbol.asyncDispose]();
    const code = end === "over" ? "EIO" : "ETIMEDOUT";
    throw osError(code, "pread", `/proc/${pid}/mem`);
  }

  /** Lets go; resolves when the address space is gone, if it was ours alone. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#faults[Symbol.dispose]();
    await this.#read;
    this.#stack[Symbol.dispose]();
  }
}

/** Waits until somebody waits for the page. */
async function stalled(
  faults: WaitableFd,
  timeoutMs: number,
): Promise<"stalled" | "late"> {
  try {
    return await faults.wait(POLLIN, timeoutMs) === 0 ? "late" : "stalled";
  } catch (error) {
    // Disposed meanwhile, as the read was over at once.
    if (!(error instanceof OsError) || error.code !== "ECANCELED") throw error;
    return "late";
  }
}

/** The address of a page that is not there until it is touched. */
function missingPage(stack: DisposableStack): bigint {
  const size = BigInt(PAGE_BYTES);
  const page = libc()
    .mmap(0n, size, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0n);
  check(Number(page), "mmap");
  stack.defer(() => check(libc().munmap(page, size), "munmap"));
  return page;
}

/** The descriptor that has whoever touches the page wait. */
function faultsOf(page: bigint): Fd {
  const faults = Fd.adopt(
    check(
      libc().userfaultfd(SYS_USERFAULTFD[Deno.build.arch], UFFD_FLAGS),
      "userfaultfd",
    ),
  );
  try {
    control(faults, UFFDIO_API, [UFFD_API, 0n, 0n]);
    const range = [page, BigInt(PAGE_BYTES)];
    control(faults, UFFDIO_REGISTER, [...range, REGISTER_MISSING, 0n]);
    return faults;
  } catch (error) {
    faults.close();
    throw error;
  }
}

function control(faults: Fd, request: bigint, words: bigint[]): void {
  const argument = new Uint8Array(BigUint64Array.from(words).buffer);
  check(libc().ioctl(faults.number, request, argument), "ioctl", faults.number);
}
