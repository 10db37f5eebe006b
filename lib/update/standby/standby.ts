import type { Child } from "../../../ffi/child.ts";
import { Fd } from "../../../ffi/fd.ts";
import { OsError } from "../../../ffi/libc.ts";
import { getLimit } from "../../../ffi/limits.ts";
import { createMemfd } from "../../../ffi/memfd.ts";
import { O_APPEND, O_CREAT, O_WRONLY } from "../../../ffi/open_flags.ts";
import { PidFd } from "../../../ffi/process.ts";
import { UnixListener, UnixSocket } from "../../../ffi/socket.ts";
import { SCM_MAX_FD } from "../../../ffi/socket_message.ts";
import { spawn } from "../../../ffi/spawn.ts";
import { ifThere } from "../../gone.ts";
import { UpdateProblem } from "../error.ts";
import type { Cgroups } from "../../proc/cgroup.ts";
import { ALLOW_WEAKER } from "../weaker_confinement.ts";
import { noteStandby } from "../run/journal.ts";
import { type ContextFiles, Holdings, type Preserved } from "./holdings.ts";
import {
  STANDBY_WORD,
  type StandbyGreeting,
  type StandbyOrder,
  type StandbyRequest,
} from "./protocol.ts";
import { lines } from "./lines.ts";
import type { ProcessContext } from "./process_context.ts";
import { STANDBY_TIMEOUT_MS } from "../timeouts.ts";

const SOCKET_FILE = "standby.sock";
const BACKLOG = 16;
/** Of the socket: whoever may connect gets the VM's memory. */
const OWNER_ONLY = 0o600;
/** What goes wrong in a standby is said there. */
const LOG_FILE = "standby.log";
const ABSENT = "no-standby";
const NOT_CONFINED = "not-confined";
/** Until it has ended by itself. */
const END_TIMEOUT_MS = 5_000;

/** What a standby is to become, should it come to that. */
export interface StandbyStart {
  /** The update's run directory. */
  readonly directory: string;
  readonly context: ProcessContext;
  /** The control groups to be in. */
  readonly groups: Cgroups;
  readonly files: ContextFiles;
  /** The old program's command line, made to wait for its state. */
  readonly argv: readonly string[];
  /** The words that start cprctl. */
  readonly self: readonly string[];
  /** Whether one that cannot be confined as the VM is a failure. */
  readonly strict: boolean;
}

/** The standby of a VM's memory, seen from cprctl. */
export class Standby implements AsyncDisposable {
  readonly #socket: UnixSocket;
  /** Its process, which keeps its id when it becomes the old program. */
  readonly #pid: number;
  /** What it could not be given of the VM's place, and why. */
  readonly problems: readonly string[];
  /** Undefined where another cprctl started it. */
  readonly #child: Child | undefined;
  /** True once it is to live on as the old program. */
  #gone = false;

  private constructor(
    socket: UnixSocket,
    { pid, problems }: StandbyGreeting,
    child?: Child,
  ) {
    this.#socket = socket;
    this.#pid = pid;
    this.problems = problems;
    this.#child = child;
  }

  /**
   * Starts a standby, notes it, and waits until it is there, while the guest
   * still runs.
   *
   * @throws {UpdateProblem} when it does not come
   */
  static async start(order: StandbyStart): Promise<Standby> {
    const path = `${order.directory}/${SOCKET_FILE}`;
    await ifThere(Deno.remove(path)); // of a standby that has become something else
    using listener = UnixListener.listen(path, BACKLOG, OWNER_ONLY);
    const child = spawnStandby(order, listener);
    try {
      const socket = await UnixSocket.connect(path, STANDBY_TIMEOUT_MS);
      const standby = new Standby(socket, await greeted(socket), child);
      if (order.strict) requireConfined(standby);
      await noteStandby(order.directory, standby.pid);
      return standby;
    } catch (error) {
      child[Symbol.dispose]();
      throw await explained(error, order);
    }
  }

  /**
   * The standby that another cprctl left; undefined without one, and where it is
   * about to end: it held nothing when its cprctl did.
   */
  static async find(directory: string): Promise<Standby | undefined> {
    const path = `${directory}/${SOCKET_FILE}`;
    using stack = new DisposableStack();
    try {
      const socket = stack.use(
        await UnixSocket.connect(path, STANDBY_TIMEOUT_MS),
      );
      const standby = new Standby(socket, await greeted(socket));
      stack.move();
      return standby;
    } catch (error) {
      const absent = ["ENOENT", "ECONNREFUSED", "ECONNRESET"];
      if (error instanceof OsError && absent.includes(error.code)) return;
      if (error instanceof UpdateProblem && error.code === ABSENT) return;
      throw error;
    }
  }

  /** Its process. */
  get pid(): number {
    return this.#pid;
  }

  /** Hands the memory over: it outlives this process from now on. */
  async hold(preserved: readonly Preserved[]): Promise<void> {
    // The guest waits: as few messages as can be.
    for (let at = 0; at < preserved.length; at += SCM_MAX_FD) {
      const some = preserved.slice(at, at + SCM_MAX_FD);
      await this.#say(
        { do: "hold", roles: some.map(({ role }) => role) },
        some.map(({ fd }) => fd),
      );
    }
  }

  /**
   * Everything that another standby needs; this one keeps it as well.
   *
   * @throws {UpdateProblem} when it does not come whole
   */
  async duplicate(): Promise<Holdings> {
    await this.#say({ do: "duplicate" });
    return await Holdings.receive(lines(this.#socket, STANDBY_TIMEOUT_MS));
  }

  /**
   * Makes the standby the old program.
   *
   * @returns its process, which has ended when it could not execute it
   * @throws {OsError} ESRCH when the standby has ended before
   */
  async go(): Promise<PidFd> {
    using stack = new DisposableStack();
    // It lives as long as it listens: no other process has its pid now.
    const process = stack.use(PidFd.open(this.#pid));
    await this.#say({ do: "go" });
    // The exec closes the socket, as does the end of the process.
    for await (const { line } of lines(this.#socket, STANDBY_TIMEOUT_MS)) {
      void line;
    }
    this.#gone = true;
    this.#child?.release();
    stack.move();
    return process;
  }

  /** Leaves the standby where it is, for `cprctl recover`. */
  leave(): void {
    this.#gone = true;
    this.#socket[Symbol.dispose]();
    this.#child?.release();
  }

  /** Lets the memory go and waits for the standby's end. */
  async [Symbol.asyncDispose](): Promise<void> {
    using _socket = this.#socket;
    if (this.#gone) return;
    using child = this.#child;
    try {
      await this.#say({ do: "end" });
      await child?.wait(END_TIMEOUT_MS);
    } catch (error) {
      // It ended by itself, or is ended by force with the child's disposal.
      if (!(error instanceof OsError)) throw error;
    }
  }

  async #say(
    request: StandbyRequest,
    descriptors: readonly Fd[] = [],
  ): Promise<void> {
    const bytes = new TextEncoder().encode(`${JSON.stringify(request)}\n`);
    const numbers = descriptors.map(({ number }) => number);
    await this.#socket.send(bytes, STANDBY_TIMEOUT_MS, numbers);
  }
}

/** @throws {UpdateProblem} */
function requireConfined({ problems }: Standby): void {
  if (problems.length === 0) return;
  throw new UpdateProblem(
    NOT_CONFINED,
    "A VM that had to be put back would be less confined than it is: " +
      problems.join("; "),
    { remedy: `Run cprctl as root, or accept it with ${ALLOW_WEAKER}` },
  );
}

/** What a standby begins a connection with. */
async function greeted(socket: UnixSocket): Promise<StandbyGreeting> {
  for await (const { line } of lines(socket, STANDBY_TIMEOUT_MS)) {
    return JSON.parse(line) as StandbyGreeting;
  }
  throw new UpdateProblem(ABSENT, "The standby process is gone");
}

/** The same error, with what the standby said. */
async function explained(
  error: unknown,
  order: StandbyStart,
): Promise<unknown> {
  if (error instanceof UpdateProblem && error.code === NOT_CONFINED) {
    return error;
  }
  const log = (await Deno.readTextFile(logFile(order))).trim();
  return log === "" ? error : new UpdateProblem(
    ABSENT,
    `The standby process is gone, which said: ${log}`,
    { cause: error },
  );
}

function logFile({ directory }: StandbyStart): string {
  return `${directory}/${LOG_FILE}`;
}

function spawnStandby(order: StandbyStart, listener: UnixListener): Child {
  const { files } = order;
  const descriptors = new Map<number, number>();
  const give = (number: number): number => {
    const there = 3 + descriptors.size;
    descriptors.set(there, number);
    return there;
  };
  using memfd = createMemfd("cprctl-standby");
  const told: StandbyOrder = {
    context: order.context,
    groups: order.groups,
    argv: order.argv,
    executable: give(files.executable.number),
    cwd: give(files.cwd.number),
    namespaces: files.namespaces.map(({ number }) => give(number)),
    modules: files.modules.map(({ name, path, file }) => ({
      ...{ name, path },
      file: give(file.number),
    })),
    listener: give(listener.number),
    path: listener.path,
  };
  memfd.writeAll(new TextEncoder().encode(JSON.stringify(told)));
  const number = give(memfd.number);
  // Not where we say it: that may be a pipe, whose reader waits for its end.
  using log = Fd.open(logFile(order), O_WRONLY | O_CREAT | O_APPEND, 0o600);
  descriptors.set(2, log.number);
  return spawn([...order.self, STANDBY_WORD, String(number)], {
    descriptors,
    newSession: true,
    // The VM's own limit, set later, may be below its descriptors.
    openFiles: getLimit("NOFILE"),
  });
}
