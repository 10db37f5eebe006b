import { STANDBY_WORD } from "./words.ts";
import type { Child } from "../../../ffi/child.ts";
import { Fd } from "../../../ffi/fd.ts";
import { OsError } from "../../../ffi/libc.ts";
import { getLimit } from "../../../ffi/limits.ts";
import { O_APPEND, O_CREAT, O_WRONLY } from "../../../ffi/open_flags.ts";
import { PidFd } from "../../../ffi/process.ts";
import { UnixListener, UnixSocket } from "../../../ffi/socket.ts";
import { SCM_MAX_FD } from "../../../ffi/socket_message.ts";
import { spawn } from "../../../ffi/spawn.ts";
import { ifThere } from "../../gone.ts";
import { UpdateProblem } from "../error.ts";
import type { Cgroups } from "../../proc/cgroup.ts";
import { ALLOW_WEAKER } from "./confinement.ts";
import { noteStandby } from "../run/journal.ts";
import type { ContextFiles, ProcessContext } from "./process_context.ts";
import { Holdings, type Preserved } from "./holdings.ts";
import {
  lines,
  orderFiles,
  sendLine,
  type StandbyGreeting,
  type StandbyRequest,
  writeOrder,
} from "./protocol.ts";
import { STANDBY_TIMEOUT_MS } from "../deadline.ts";

const SOCKET_FILE = "standby.sock";
const BACKLOG = 16;
/** Of the socket: it gives access to the VM's memory. */
const OWNER_ONLY = 0o600;
/** The standby's standard error. */
const LOG_FILE = "standby.log";
const ABSENT = "no-standby";
const NOT_CONFINED = "not-confined";
/** Until the standby has ended. */
const END_TIMEOUT_MS = 5_000;

/** How to start a standby. */
export interface StandbyStart {
  /** The update's run directory. */
  readonly directory: string;
  readonly context: ProcessContext;
  /** The control groups to enter at the start. */
  readonly groups: Cgroups;
  readonly files: ContextFiles;
  /** The command line of the program that it may become, with -incoming. */
  readonly argv: readonly string[];
  /** Whether that is the new program, for a cpr-transfer. */
  readonly isNew?: boolean;
  /** The command that starts cprctl itself. */
  readonly self: readonly string[];
  /** Whether to fail if the standby cannot be confined like the VM. */
  readonly strict: boolean;
}

/** A standby process, as controlled by cprctl. */
export class Standby implements AsyncDisposable {
  /** It stays the same when the standby becomes the old program. */
  readonly pid: number;
  /** The parts of the process context that it could not take on, and why. */
  readonly problems: readonly string[];
  /** Whether the process must outlive this object. */
  #left = false;

  private constructor(
    private readonly socket: UnixSocket,
    { pid, problems }: StandbyGreeting,
    /** Undefined if another cprctl started it. */
    private readonly child?: Child,
  ) {
    this.pid = pid;
    this.problems = problems;
  }

  /**
   * Starts a standby, waits for its greeting, and records it in the run
   * directory. The guest still runs.
   *
   * @throws {UpdateProblem} when it does not start
   */
  static async start(order: StandbyStart): Promise<Standby> {
    const path = `${order.directory}/${SOCKET_FILE}`;
    await ifThere(Deno.remove(path)); // of a standby that has become something else
    using listener = UnixListener.listen(path, BACKLOG, OWNER_ONLY);
    const child = spawnStandby(order, listener);
    try {
      const socket = await UnixSocket.connect(path, STANDBY_TIMEOUT_MS);
      const standby = new Standby(socket, await receiveGreeting(socket), child);
      if (order.strict) requireConfined(standby);
      await noteStandby(order.directory, standby.pid);
      return standby;
    } catch (error) {
      child[Symbol.dispose]();
      throw await withLog(error, order);
    }
  }

  /**
   * Connects to the standby that another cprctl has left. Undefined if there is
   * none, or it is about to end because it holds nothing.
   */
  static async find(directory: string): Promise<Standby | undefined> {
    const path = `${directory}/${SOCKET_FILE}`;
    using stack = new DisposableStack();
    try {
      const socket = stack.use(
        await UnixSocket.connect(path, STANDBY_TIMEOUT_MS),
      );
      const standby = new Standby(socket, await receiveGreeting(socket));
      stack.move();
      return standby;
    } catch (error) {
      const absent = ["ENOENT", "ECONNREFUSED", "ECONNRESET"];
      if (error instanceof OsError && absent.includes(error.code)) return;
      if (error instanceof UpdateProblem && error.code === ABSENT) return;
      throw error;
    }
  }

  /** Sends the memory's descriptors: from now on it outlives this process. */
  async hold(preserved: readonly Preserved[]): Promise<void> {
    // As few messages as possible: the guest is stopped.
    for (let at = 0; at < preserved.length; at += SCM_MAX_FD) {
      const some = preserved.slice(at, at + SCM_MAX_FD);
      await this.#send(
        { do: "hold", roles: some.map(({ role }) => role) },
        some.map(({ fd }) => fd),
      );
    }
  }

  /**
   * Everything that another standby needs; this one keeps it as well.
   *
   * @throws {UpdateProblem} when it is incomplete
   */
  async duplicate(): Promise<Holdings> {
    await this.#send({ do: "duplicate" });
    return await Holdings.receive(lines(this.socket, STANDBY_TIMEOUT_MS));
  }

  /**
   * Makes the standby execute the old program.
   *
   * @returns its process, which has ended if the exec failed
   * @throws {OsError} ESRCH when the standby has ended before
   */
  async go(): Promise<PidFd> {
    using stack = new DisposableStack();
    // It is alive, since it has the socket: the pid is not reused.
    const process = stack.use(PidFd.open(this.pid));
    await this.#send({ do: "go" });
    // The exec closes the socket, as does the end of the process.
    for await (const { line } of lines(this.socket, STANDBY_TIMEOUT_MS)) {
      void line;
    }
    this.#left = true;
    this.child?.release();
    stack.move();
    return process;
  }

  /** Keeps the standby running, for `cprctl recover`. */
  leave(): void {
    this.#left = true;
    this.socket[Symbol.dispose]();
    this.child?.release();
  }

  /** Releases the memory and waits for the end of the standby. */
  async [Symbol.asyncDispose](): Promise<void> {
    using _socket = this.socket;
    if (this.#left) return;
    using child = this.child;
    try {
      await this.#send({ do: "end" });
      await child?.wait(END_TIMEOUT_MS);
    } catch (error) {
      // It has ended already, or disposing of the child kills it.
      if (!(error instanceof OsError)) throw error;
    }
  }

  async #send(
    request: StandbyRequest,
    descriptors: readonly Fd[] = [],
  ): Promise<void> {
    await sendLine(this.socket, request, descriptors, STANDBY_TIMEOUT_MS);
  }
}

/** @throws {UpdateProblem} */
function requireConfined({ problems }: Standby): void {
  if (problems.length === 0) return;
  throw new UpdateProblem(
    NOT_CONFINED,
    "After a rollback the VM would be less confined than now: " +
      problems.join("; "),
    { remedy: `Run cprctl as root, or accept it with ${ALLOW_WEAKER}` },
  );
}

async function receiveGreeting(socket: UnixSocket): Promise<StandbyGreeting> {
  for await (const { line } of lines(socket, STANDBY_TIMEOUT_MS)) {
    return JSON.parse(line) as StandbyGreeting;
  }
  throw new UpdateProblem(ABSENT, "The standby process has ended");
}

/** The error, with what the standby wrote to its log. */
async function withLog(
  error: unknown,
  order: StandbyStart,
): Promise<unknown> {
  if (error instanceof UpdateProblem && error.code === NOT_CONFINED) {
    return error;
  }
  const log = (await Deno.readTextFile(logFile(order))).trim();
  return log === "" ? error : new UpdateProblem(
    ABSENT,
    `The standby process has ended; it said: ${log}`,
    { cause: error },
  );
}

function logFile({ directory }: StandbyStart): string {
  return `${directory}/${LOG_FILE}`;
}

function spawnStandby(order: StandbyStart, listener: UnixListener): Child {
  const { context, groups, argv, files, isNew = false } = order;
  const descriptors = new Map<number, number>();
  const give = (number: number): number => {
    const there = 3 + descriptors.size;
    descriptors.set(there, number);
    return there;
  };
  using memfd = writeOrder({
    ...{ context, groups, argv, isNew, path: listener.path },
    executable: give(files.executable.number),
    ...orderFiles(files, give),
    listener: give(listener.number),
  });
  const number = give(memfd.number);
  // Not our standard error: if it is a pipe, its reader would wait for EOF.
  using log = Fd.open(logFile(order), O_WRONLY | O_CREAT | O_APPEND, 0o600);
  descriptors.set(2, log.number);
  return spawn([...order.self, STANDBY_WORD, String(number)], {
    descriptors,
    newSession: true,
    // The VM's own limit, set later, may be too low for all descriptors.
    openFiles: getLimit("NOFILE"),
  });
}
