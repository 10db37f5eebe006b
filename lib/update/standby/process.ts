/**
 * The standby process: another cprctl in its own process and session, from
 * before the guest is stopped until it runs again. It holds the VM's memory,
 * even if the VM's process and cprctl end, and becomes the old program in a
 * rollback. It enters the VM's control groups at its start, since systemd
 * removes an empty group.
 *
 * ```
 * started ─▶ hold … hold ─▶ end                      the update is over
 *                    │  └─▶ go ─▶ the old program    rollback
 *                    └ no connection: waits for `cprctl recover`
 * ```
 *
 * @module
 */

import type { Fd } from "../../../ffi/fd.ts";
import { OsError } from "../../../ffi/libc.ts";
import { createMemfd } from "../../../ffi/memfd.ts";
import { attachQueue } from "../../../ffi/tap_queue.ts";
import { UnixListener, type UnixSocket } from "../../../ffi/socket.ts";
import { SCM_MAX_FD } from "../../../ffi/socket_message.ts";
import {
  CPR_EXEC_STATE,
  type CprDescriptor,
  encodeCprState,
} from "../../cpr/mod.ts";
import { enterCgroups } from "../../proc/cgroup.ts";
import { moduleVariables } from "../process/modules.ts";
import { enterContext, enterLabel } from "./enter_context.ts";
import {
  adopt,
  adoptFiles,
  type HoldingsPart,
  lines,
  readOrder,
  type Role,
  sendLine,
  type StandbyGreeting,
  type StandbyHoldings,
  type StandbyOrder,
  type StandbyRequest,
} from "./protocol.ts";
import type { Preserved } from "./holdings.ts";
import type { ContextFiles } from "./process_context.ts";

/** Above the numbers that most command lines name. */
const FIRST_OWN = 512;

/** Any length will do: it waits again. */
const WAIT_MS = 3_600_000;
const SEND_TIMEOUT_MS = 5_000;

/**
 * Runs the standby.
 *
 * @param args the number of the memfd with the order
 * @returns the exit code
 */
export async function runStandby(args: readonly string[]): Promise<number> {
  const standby = new StandbyProcess(readOrder<StandbyOrder>(Number(args[0])));
  return await standby.run();
}

class StandbyProcess {
  readonly #listener: UnixListener;
  readonly #files: ContextFiles;
  readonly #problems: readonly string[];
  /** Descriptors of CPR state, with numbers of this process. */
  readonly #cpr: (Omit<CprDescriptor, "descriptor"> & { fd: Fd })[] = [];
  /** Descriptors that have to be open at a given number. */
  readonly #numbered = new Map<number, Fd>();
  /** Descriptors for the monitor of the program; kept for another standby. */
  readonly #sent = new Map<number, Fd>();

  constructor(private readonly order: StandbyOrder) {
    this.#listener = UnixListener.adopt(order.path, adopt(order.listener));
    const executable = adopt(order.executable);
    this.#files = { executable, ...adoptFiles(order) };
    protectFromOomKiller();
    this.#problems = [
      ...enterCgroups(order.groups),
      ...enterLabel(order.context),
    ];
  }

  async run(): Promise<number> {
    for (;;) {
      let socket: UnixSocket;
      try {
        socket = await this.#listener.accept(WAIT_MS);
      } catch (error) {
        if (error instanceof OsError && error.code === "ETIMEDOUT") continue;
        throw error;
      }
      // In addition to the socket's mode.
      if (socket.peerCredentials().uid !== Deno.uid()) {
        socket[Symbol.dispose]();
        continue;
      }
      if (await this.#serve(socket)) return 0;
      if (this.#cpr.length === 0) return 0; // cprctl ended before the hold
    }
  }

  /** Executes the requests of a connection; true after "end". */
  async #serve(connection: UnixSocket): Promise<boolean> {
    using socket = connection;
    const greeting: StandbyGreeting = {
      pid: Deno.pid,
      problems: this.#problems,
    };
    try {
      await send(socket, greeting, []);
    } catch (error) {
      // The peer may have closed the connection; its requests still count.
      if (!(error instanceof OsError)) throw error;
    }
    for await (const { line, descriptors } of lines(socket, WAIT_MS)) {
      // Trusted: only a cprctl of the same user is accepted.
      const request = JSON.parse(line) as StandbyRequest;
      if (request.do === "end") return true;
      if (request.do === "go") this.#go();
      if (request.do === "hold") this.#hold(request.roles, descriptors);
      if (request.do === "duplicate") await this.#duplicate(socket);
    }
    return false;
  }

  #hold(roles: readonly Role[], received: readonly Fd[]): void {
    if (received.length !== roles.length) {
      throw new Error(
        `Received ${received.length} of ${roles.length} descriptors`,
      );
    }
    for (const [index, fd] of received.entries()) {
      const entry = roles[index];
      if (entry === undefined) continue;
      const moved = moveAside(fd);
      if ("number" in entry) this.#numbered.set(entry.number, moved);
      else if ("sent" in entry) this.#sent.set(entry.sent, moved);
      else this.#cpr.push({ ...entry, fd: moved });
    }
  }

  /** Sends everything that another standby needs. */
  async #duplicate(socket: UnixSocket): Promise<void> {
    const roles: Preserved[] = [
      ...this.#cpr.map(({ name, id, fd }) => ({ role: { name, id }, fd })),
      ...[...this.#numbered].map(([number, fd]) => ({ role: { number }, fd })),
      ...[...this.#sent].map(([sent, fd]) => ({ role: { sent }, fd })),
    ];
    const { context, groups, argv } = this.order;
    const { executable, cwd, namespaces, modules } = this.#files;
    const description: StandbyHoldings = {
      ...{ context, groups, argv, count: roles.length },
      modules: modules.map(({ name, path }) => ({ name, path })),
    };
    await send(socket, description, [
      ...[executable, cwd, ...namespaces],
      ...modules.map(({ file }) => file),
    ]);
    for (let at = 0; at < roles.length; at += SCM_MAX_FD) {
      const some = roles.slice(at, at + SCM_MAX_FD);
      const part: HoldingsPart = { roles: some.map(({ role }) => role) };
      await send(socket, part, some.map(({ fd }) => fd));
    }
  }

  #go(): never {
    // Move descriptors away from the numbers that are needed.
    const wanted = new Set(this.#numbered.keys());
    const clear = (fd: Fd) =>
      wanted.has(fd.number) ? moveAside(fd, wanted) : fd;
    const numbered = new Map(
      [...this.#numbered].map(([number, fd]) => [number, clear(fd)]),
    );
    // The new program may have detached some, which the old one would abort on.
    [...numbered.values(), ...this.#sent.values()].forEach(attachQueue);
    const cpr = this.#cpr.map((entry) => ({ ...entry, fd: clear(entry.fd) }));
    const state = moveAside(createMemfd(CPR_EXEC_STATE), wanted);
    state.writeAll(encodeCprState({
      descriptors: cpr.map(({ name, id, fd }) => ({
        name,
        id,
        descriptor: fd.number,
      })),
      vfioDevices: [],
    }));
    const { argv, context, isNew, path } = this.order;
    const { [CPR_EXEC_STATE]: _earlier, ...environment } = context.environment;
    const directory = path.replace(/\/[^/]*$/, "");
    const { executable, cwd, namespaces } = this.#files;
    const modules = this.#files.modules
      .map((it) => ({ ...it, file: clear(it.file) }));
    const ofModules = isNew
      ? undefined
      : moduleVariables(directory, modules, context.credentials);
    const survivors = [state, ...cpr.map(({ fd }) => fd)];
    if (ofModules !== undefined) {
      survivors.push(...modules.map(({ file }) => file));
    }
    const inherited = { [CPR_EXEC_STATE]: String(state.number), ...ofModules };
    return enterContext({
      ...{ argv, cwd, namespaces },
      context: { ...context, environment },
      executable: isNew ? undefined : clear(executable),
      variables: isNew ? {} : inherited,
      beforeExec: () => {
        if (!isNew) { for (const fd of survivors) fd.setCloexec(false); }
        for (const [number, fd] of numbered) fd.takeNumber(number);
      },
    });
  }
}

/**
 * If the VM's control group runs out of memory, the OOM killer would choose
 * this process. The old program gets the VM's own oom_score_adj.
 */
function protectFromOomKiller(): void {
  try {
    Deno.writeTextFileSync("/proc/self/oom_score_adj", "-1000");
  } catch (error) {
    // Only root may.
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
  }
}

async function send(
  socket: UnixSocket,
  message: StandbyGreeting | StandbyHoldings | HoldingsPart,
  descriptors: readonly Fd[],
): Promise<void> {
  await sendLine(socket, message, descriptors, SEND_TIMEOUT_MS);
}

/** Moves a descriptor to a number that is not needed. */
function moveAside(
  fd: Fd,
  wanted: ReadonlySet<number> = new Set<number>(),
): Fd {
  for (let atLeast = FIRST_OWN;;) {
    const moved = fd.dup({ atLeast });
    if (!wanted.has(moved.number)) {
      fd.close();
      return moved;
    }
    atLeast = moved.number + 1;
    moved.close();
  }
}
