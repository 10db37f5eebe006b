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
import { UpdateProblem } from "../error.ts";
import type { Cgroups } from "../process/cgroups.ts";
import { ALLOW_WEAKER } from "../weaker_confinement.ts";
import { noteKeeper } from "../run/journal.ts";
import { Estate, type Kept, type Place } from "./estate.ts";
import {
  KEEPER_WORD,
  type KeeperGreeting,
  type KeeperOrder,
  type KeeperRequest,
} from "./keeper_order.ts";
import { lines } from "./lines.ts";
import type { World } from "./world.ts";

const SOCKET_FILE = "keeper.sock";
const BACKLOG = 16;
/** Of the socket: who may connect is lent the VM's memory. */
const OWNER_ONLY = 0o600;
/** What goes wrong in a keeper is said there. */
const LOG_FILE = "keeper.log";
const ABSENT = "no-keeper";
const NOT_CONFINED = "not-confined";
const TIMEOUT_MS = 10_000;
const END_TIMEOUT_MS = 5_000;

/** What a keeper is to become, should it come to that. */
export interface KeeperStart {
  /** The update's run directory. */
  readonly directory: string;
  readonly world: World;
  /** The control groups to be in. */
  readonly groups: Cgroups;
  readonly place: Place;
  /** The old program's command line, made to wait for its state. */
  readonly argv: readonly string[];
  /** The words that start cprctl. */
  readonly self: readonly string[];
  /** Whether one that cannot be confined as the VM is a failure. */
  readonly strict: boolean;
}

/** The keeper of a VM's memory, seen from cprctl. */
export class Keeper implements AsyncDisposable {
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
    { pid, problems }: KeeperGreeting,
    child?: Child,
  ) {
    this.#socket = socket;
    this.#pid = pid;
    this.problems = problems;
    this.#child = child;
  }

  /**
   * Starts a keeper, notes it, and waits until it is there: not in the guest's
   * pause.
   *
   * @throws {UpdateProblem} when it does not come
   */
  static async start(order: KeeperStart): Promise<Keeper> {
    const path = `${order.directory}/${SOCKET_FILE}`;
    await removeIfThere(path); // of a keeper that has become something else
    using listener = UnixListener.listen(path, BACKLOG, OWNER_ONLY);
    const child = spawnKeeper(order, listener);
    try {
      const socket = await UnixSocket.connect(path, TIMEOUT_MS);
      const keeper = new Keeper(socket, await greeted(socket), child);
      if (order.strict) requireConfined(keeper);
      await noteKeeper(order.directory, keeper.pid);
      return keeper;
    } catch (error) {
      child[Symbol.dispose]();
      throw await explained(error, order);
    }
  }

  /**
   * The keeper that another cprctl left; undefined without one, and where it is
   * about to end: it held nothing when its cprctl did.
   */
  static async find(directory: string): Promise<Keeper | undefined> {
    const path = `${directory}/${SOCKET_FILE}`;
    using stack = new DisposableStack();
    try {
      const socket = stack.use(await UnixSocket.connect(path, TIMEOUT_MS));
      const keeper = new Keeper(socket, await greeted(socket));
      stack.move();
      return keeper;
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
  async hold(kept: readonly Kept[]): Promise<void> {
    // The guest waits: as few messages as can be.
    for (let at = 0; at < kept.length; at += SCM_MAX_FD) {
      const some = kept.slice(at, at + SCM_MAX_FD);
      await this.#say(
        { do: "hold", held: some.map(({ held }) => held) },
        some.map(({ fd }) => fd),
      );
    }
  }

  /**
   * Everything that another keeper needs; this one keeps it as well.
   *
   * @throws {UpdateProblem} when it does not come whole
   */
  async borrow(): Promise<Estate> {
    await this.#say({ do: "lend" });
    return await Estate.receive(lines(this.#socket, TIMEOUT_MS));
  }

  /**
   * Makes the keeper the old program.
   *
   * @returns its process, which has ended when it could not execute it
   * @throws {OsError} ESRCH when the keeper has ended before
   */
  async go(): Promise<PidFd> {
    using stack = new DisposableStack();
    // It lives as long as it listens: no other process has its pid now.
    const process = stack.use(PidFd.open(this.#pid));
    await this.#say({ do: "go" });
    // The exec closes the socket, as does the end of the process.
    for await (const { line } of lines(this.#socket, TIMEOUT_MS)) void line;
    this.#gone = true;
    this.#child?.release();
    stack.move();
    return process;
  }

  /** Leaves the keeper where it is, for `cprctl recover`. */
  leave(): void {
    this.#gone = true;
    this.#socket[Symbol.dispose]();
    this.#child?.release();
  }

  /** Lets the memory go and waits for the keeper's end. */
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
    request: KeeperRequest,
    descriptors: readonly Fd[] = [],
  ): Promise<void> {
    const bytes = new TextEncoder().encode(`${JSON.stringify(request)}\n`);
    const numbers = descriptors.map(({ number }) => number);
    await this.#socket.send(bytes, TIMEOUT_MS, numbers);
  }
}

/** @throws {UpdateProblem} */
function requireConfined({ problems }: Keeper): void {
  if (problems.length === 0) return;
  throw new UpdateProblem(
    NOT_CONFINED,
    "A VM that had to be put back would be less confined than it is: " +
      problems.join("; "),
    { remedy: `Run cprctl as root, or accept it with ${ALLOW_WEAKER}` },
  );
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/** What a keeper begins a connection with. */
async function greeted(socket: UnixSocket): Promise<KeeperGreeting> {
  for await (const { line } of lines(socket, TIMEOUT_MS)) {
    return JSON.parse(line) as KeeperGreeting;
  }
  throw new UpdateProblem(ABSENT, "The keeper of the memory is gone");
}

/** The same error, with what the keeper said. */
async function explained(error: unknown, order: KeeperStart): Promise<unknown> {
  if (error instanceof UpdateProblem && error.code === NOT_CONFINED) {
    return error;
  }
  const log = (await Deno.readTextFile(logFile(order))).trim();
  return log === "" ? error : new UpdateProblem(
    ABSENT,
    `The keeper of the memory is gone, which said: ${log}`,
    { cause: error },
  );
}

function logFile({ directory }: KeeperStart): string {
  return `${directory}/${LOG_FILE}`;
}

function spawnKeeper(order: KeeperStart, listener: UnixListener): Child {
  const { place } = order;
  const descriptors = new Map<number, number>();
  const give = (number: number): number => {
    const there = 3 + descriptors.size;
    descriptors.set(there, number);
    return there;
  };
  using memfd = createMemfd("cprctl-keeper");
  const told: KeeperOrder = {
    world: order.world,
    groups: order.groups,
    argv: order.argv,
    executable: give(place.executable.number),
    cwd: give(place.cwd.number),
    namespaces: place.namespaces.map(({ number }) => give(number)),
    modules: place.modules.map(({ name, path, file }) => ({
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
  return spawn([...order.self, KEEPER_WORD, String(number)], {
    descriptors,
    newSession: true,
    // The VM's own limit, set later, may be below its descriptors.
    openFiles: getLimit("NOFILE"),
  });
}
