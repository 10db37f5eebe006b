/**
 * Unix stream sockets, with descriptors and peer credentials.
 *
 * Every wait has a deadline, and ends when the socket is closed.
 *
 * @module
 */

import { errnoNumber } from "./errno.ts";
import { Fd } from "./fd.ts";
import { call, check, ifPossible, libc, osError } from "./libc.ts";
import { cString, foreignBytes } from "./memory.ts";
import { POLLIN, POLLOUT } from "./poll.ts";
import { PidFd } from "./process.ts";
import { Message, SCM_MAX_FD } from "./socket_message.ts";
import { WaitableFd } from "./waitable_fd.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_FLAGS = 0o2000000 | 0o4000; // SOCK_CLOEXEC | SOCK_NONBLOCK
const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
const SO_PEERPIDFD = 77; // Linux 6.5
const SO_SNDTIMEO = 21;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x4000_0000;
const SEND_FLAGS = MSG_DONTWAIT | MSG_NOSIGNAL;
const RECEIVE_FLAGS = MSG_DONTWAIT | MSG_CMSG_CLOEXEC;
const SHUT_RD = 0;
const SHUT_WR = 1;

/** `sun_path` with its NUL. */
const SUN_PATH_SIZE = 108;

const EAGAIN = errnoNumber("EAGAIN");
const ECONNABORTED = errnoNumber("ECONNABORTED");
const EINTR = errnoNumber("EINTR");
const EINVAL = errnoNumber("EINVAL");
const ENOPROTOOPT = errnoNumber("ENOPROTOOPT");

/** The credentials of the peer when it connected or began to listen. */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** The result of a receive; the caller owns the descriptors. */
export interface Received {
  /** Empty at the end of the stream. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly descriptors: readonly Fd[];
}

/** Gets an option of SOL_SOCKET; returns the result of getsockopt(2). */
export function socketOption(
  socket: number,
  option: number,
  value: Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>,
): number {
  const size = Uint32Array.of(value.byteLength);
  return libc().getsockopt(socket, SOL_SOCKET, option, value, size);
}

/** One end of a connection. */
export class UnixSocket implements Disposable {
  readonly #fd: WaitableFd;
  /** Resolves when receiving continues; undefined while it is not paused. */
  #pause: PromiseWithResolvers<void> | undefined;

  /** Takes ownership of a connected socket, blocking or not. */
  constructor(fd: Fd) {
    this.#fd = new WaitableFd(fd);
  }

  /** Two sockets connected with each other. */
  static pair(): [UnixSocket, UnixSocket] {
    const pair = new Int32Array(new ArrayBuffer(8));
    call("socketpair", [AF_UNIX, SOCK_STREAM | SOCK_FLAGS, 0, pair]);
    const [left = -1, right = -1] = pair;
    return [new UnixSocket(Fd.adopt(left)), new UnixSocket(Fd.adopt(right))];
  }

  /**
   * Connects to a listening socket.
   *
   * @throws {OsError} ENOENT, ECONNREFUSED when no process listens, ETIMEDOUT
   * when the backlog is full, EACCES, ENAMETOOLONG.
   */
  static async connect(path: string, timeoutMs: number): Promise<UnixSocket> {
    const address = socketAddress(path, "connect");
    using made = new DisposableStack();
    const fd = made.use(newSocket());
    await connect(fd, address, path, timeoutMs);
    made.move();
    return new UnixSocket(fd);
  }

  /** The number of the descriptor. */
  get number(): number {
    return this.#fd.number;
  }

  /**
   * The process that connected, or that began to listen. If it has ended, the
   * pid may belong to another process.
   */
  peerCredentials(): PeerCredentials {
    const credentials = new Uint32Array(3);
    const asked = socketOption(this.number, SO_PEERCRED, credentials);
    check(asked, "getsockopt", this.number);
    const [pid = 0, uid = 0, gid = 0] = credentials;
    return { pid, uid, gid };
  }

  /**
   * Whether the process of {@link peerCredentials} has ended. Before Linux 6.5,
   * another process that has reused its pid counts as the same.
   */
  peerHasEnded(): boolean {
    using peer = ifPossible(() => this.#peerProcess(), "ESRCH");
    return peer?.hasExited() ?? true;
  }

  /** @throws {OsError} ESRCH when it has ended and was reaped. */
  #peerProcess(): PidFd {
    const { pid } = this.peerCredentials();
    const number = new Int32Array(1);
    const result = socketOption(this.number, SO_PEERPIDFD, number);
    if (result === -ENOPROTOOPT) return PidFd.open(pid);
    const subject = `peer of descriptor ${this.number}`;
    // Later kernels return ESRCH.
    if (result === -EINVAL) throw osError("ESRCH", "getsockopt", subject);
    check(result, "getsockopt", subject);
    return new PidFd(pid, number[0] ?? -1);
  }

  /**
   * Sends all bytes. Concurrent sends may interleave.
   *
   * @param descriptors sent with the first byte, at most 253; they stay open
   * @throws {OsError} ETIMEDOUT (some bytes may be sent), EPIPE when the peer
   * has closed the connection, ECANCELED when it is closed here, EBADF.
   * @throws {RangeError} for descriptors without a byte.
   */
  async send(
    bytes: Uint8Array,
    timeoutMs: number,
    descriptors: readonly number[] = [],
  ): Promise<void> {
    if (descriptors.length > 0 && bytes.length === 0) {
      throw new RangeError("Cannot send descriptors: no byte goes with them");
    }
    const deadline = performance.now() + timeoutMs;
    const data = foreignBytes(bytes);
    let carried = descriptors;
    for (let done = 0; done < data.length;) {
      const message = Message.toSend(data.subarray(done), carried);
      done += await whenReady(this.#fd, {
        call: () => libc().sendmsg(this.number, message.struct, SEND_FLAGS),
        syscall: "sendmsg",
        events: POLLOUT,
        deadline,
      });
      carried = [];
    }
  }

  /**
   * Receives what is available, at least a byte. The kernel closes descriptors
   * that come with it.
   *
   * @param limit the most bytes to receive, at least 1
   * @returns no bytes at the end of the stream.
   * @throws {OsError} ETIMEDOUT, ECONNRESET, ECANCELED when closed during the
   * wait.
   */
  async receive(
    limit: number,
    timeoutMs: number,
  ): Promise<Uint8Array<ArrayBuffer>> {
    return (await this.#receive(limit, 0, timeoutMs)).bytes;
  }

  /**
   * Like {@link receive}, with the descriptors, close-on-exec.
   *
   * @throws {OsError} EMSGSIZE when more descriptors came than this process may
   * have open; all of them are closed.
   */
  async receiveWithDescriptors(
    limit: number,
    timeoutMs: number,
  ): Promise<Received> {
    return await this.#receive(limit, SCM_MAX_FD, timeoutMs);
  }

  async #receive(
    limit: number,
    maxDescriptors: number,
    timeoutMs: number,
  ): Promise<Received> {
    const buffer = new Uint8Array(limit);
    const message = new Message(buffer, maxDescriptors);
    const count = await whenReady(this.#fd, {
      call: () => libc().recvmsg(this.number, message.struct, RECEIVE_FLAGS),
      syscall: "recvmsg",
      events: POLLIN,
      deadline: performance.now() + timeoutMs,
      hold: () => this.#pause?.promise,
    });
    const descriptors = message.descriptors.map((number) => Fd.adopt(number));
    if (message.truncated && maxDescriptors > 0) {
      for (const fd of descriptors) fd.close();
      throw osError("EMSGSIZE", "recvmsg", `descriptor ${this.number}`);
    }
    return { bytes: buffer.subarray(0, count), descriptors };
  }

  /** Ends this direction: the peer sees the end of the stream. */
  finish(): void {
    call("shutdown", [this.number, SHUT_WR], this.number);
  }

  /**
   * Refuses further bytes: after those that have arrived, a receive returns the
   * end of the stream.
   */
  refuseMore(): void {
    call("shutdown", [this.number, SHUT_RD], this.number);
  }

  /**
   * Stops receiving, also in a pending receive, whose timeout goes on. The peer
   * can only fill the kernel's buffer.
   */
  pause(): void {
    this.#pause ??= Promise.withResolvers();
  }

  /** Continues receiving. */
  resume(): void {
    this.#pause?.resolve();
    this.#pause = undefined;
  }

  [Symbol.dispose](): void {
    this.#fd[Symbol.dispose]();
    this.resume();
  }
}

/** A listening socket. */
export class UnixListener implements Disposable {
  readonly #fd: WaitableFd;

  private constructor(readonly path: string, fd: Fd) {
    this.#fd = new WaitableFd(fd);
  }

  /**
   * Listens at a new path. The caller has to remove the path later.
   *
   * @param backlog the number of connections that may wait to be accepted
   * @param mode permissions of the socket; by default according to the umask
   * @throws {OsError} EADDRINUSE when the path exists, ENOENT, EACCES,
   * ENAMETOOLONG.
   */
  static listen(path: string, backlog = 16, mode?: number): UnixListener {
    const address = socketAddress(path, "bind");
    using made = new DisposableStack();
    const fd = made.use(newSocket());
    // A later chmod would leave a gap in which others could connect.
    const umask = mode === undefined ? undefined : libc().umask(~mode & 0o777);
    const bound = libc().bind(fd.number, address, address.length);
    if (umask !== undefined) libc().umask(umask);
    check(bound, "bind", path);
    call("listen", [fd.number, backlog], path);
    made.move();
    return new UnixListener(path, fd);
  }

  /** Takes ownership of a socket that listens at the path. */
  static adopt(path: string, fd: Fd): UnixListener {
    fd.setNonblocking(true);
    return new UnixListener(path, fd);
  }

  /** The number of the descriptor. */
  get number(): number {
    return this.#fd.number;
  }

  /**
   * @throws {OsError} ETIMEDOUT, ECANCELED when closed during the wait.
   */
  async accept(timeoutMs: number): Promise<UnixSocket> {
    const accepted = await whenReady(this.#fd, {
      call: () => libc().accept4(this.number, null, null, SOCK_FLAGS),
      syscall: "accept4",
      subject: this.path,
      events: POLLIN,
      deadline: performance.now() + timeoutMs,
    });
    return new UnixSocket(Fd.adopt(accepted));
  }

  [Symbol.dispose](): void {
    this.#fd[Symbol.dispose]();
  }
}

/** A call that is repeated until it need not wait. */
interface Attempt {
  readonly call: () => number;
  readonly syscall: string;
  /** The descriptor, if not given. */
  readonly subject?: string;
  /** What to wait for. */
  readonly events: number;
  readonly deadline: number;
  /** No attempt is made before this promise; undefined: at once. */
  readonly hold?: () => Promise<void> | undefined;
}

async function whenReady(fd: WaitableFd, attempt: Attempt): Promise<number> {
  const { call, syscall, subject, events, deadline, hold } = attempt;
  for (;;) {
    for (let held = hold?.(); held !== undefined; held = hold?.()) await held;
    const result = call();
    if (result === -EINTR) continue;
    if (result !== -EAGAIN && result !== -ECONNABORTED) {
      return check(result, syscall, subject ?? fd.number);
    }
    if (await fd.wait(events, deadline - performance.now()) === 0) {
      throw osError("ETIMEDOUT", syscall, `descriptor ${fd.number}`);
    }
  }
}

function newSocket(): Fd {
  return Fd.adopt(call("socket", [AF_UNIX, SOCK_STREAM | SOCK_FLAGS, 0]));
}

/** `struct sockaddr_un`, without unused bytes. */
function socketAddress(path: string, syscall: string): Uint8Array<ArrayBuffer> {
  const name = cString(path);
  if (name.length > SUN_PATH_SIZE) throw osError("ENAMETOOLONG", syscall, path);
  const address = new Uint8Array(2 + name.length);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(name, 2);
  return address;
}

async function connect(
  fd: Fd,
  address: Uint8Array<ArrayBuffer>,
  path: string,
  timeoutMs: number,
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  const { number } = fd;
  for (;;) {
    const result = libc().connect(number, address, address.length);
    if (result !== -EAGAIN) {
      check(result, "connect", path);
      return;
    }
    const left = deadline - performance.now();
    if (left <= 0) throw osError("ETIMEDOUT", "connect", path);
    // The backlog is full, and poll(2) cannot wait for room in it: only a
    // blocking connect(2) can, with SO_SNDTIMEO as its time limit. The other
    // thread's errno is not accessible; the next iteration reports an error.
    setSendTimeout(number, left);
    fd.setNonblocking(false);
    const status = await libc().connect_on_thread(
      number,
      address,
      address.length,
    );
    fd.setNonblocking(true);
    if (status === 0) return;
  }
}

/** A `struct timeval` of 0 would mean no limit. */
function setSendTimeout(number: number, timeoutMs: number): void {
  const microseconds = BigInt(Math.max(1, Math.ceil(timeoutMs * 1000)));
  const value = BigInt64Array.of(
    microseconds / 1_000_000n,
    microseconds % 1_000_000n,
  );
  const option = [SOL_SOCKET, SO_SNDTIMEO, value, value.byteLength] as const;
  call("setsockopt", [number, ...option], number);
}
