import { Fd } from "../../../ffi/fd.ts";
import { createMemfd } from "../../../ffi/memfd.ts";
import type { Cgroups } from "../../proc/cgroup.ts";
import type { MappedModule } from "../process/modules.ts";
import type { ContextFiles, ProcessContext } from "./process_context.ts";
import { OsError } from "../../../ffi/libc.ts";
import type { Received, UnixSocket } from "../../../ffi/socket.ts";

const MAXIMUM_ORDER = 64 * 1024 * 1024;

/**
 * The input of a process of cprctl that executes another program in the VM's
 * context, as JSON in a memfd. The numbers are descriptors that it inherits.
 */
interface Order {
  readonly context: ProcessContext;
  readonly argv: readonly string[];
  readonly cwd: number;
  /** In the order in which they are entered. */
  readonly namespaces: readonly number[];
  /** The modules that the VM's program had loaded. */
  readonly modules: readonly ModuleOrder[];
}

/** The input of a standby; `argv` is that of the program it may become. */
export interface StandbyOrder extends Order {
  /** Whether that is the new program, which is told its RAM later. */
  readonly isNew: boolean;
  /** The control groups to enter at the start. */
  readonly groups: Cgroups;
  readonly executable: number;
  /** A unix socket that listens at `path`. */
  readonly listener: number;
  readonly path: string;
}

/** The input of a process that executes a program in a sandbox. */
export interface SandboxOrder extends Order {
  /** Whether to fail if the program cannot be confined like the VM. */
  readonly strict: boolean;
  readonly environment: Readonly<Record<string, string>>;
  /** Null for argv[0]. */
  readonly executable: number | null;
  /** A pipe for the CPU time that was used before the exec. */
  readonly usedBefore: number | null;
  /** For the modules of the executable; null for argv[0]. */
  readonly moduleFolder: string | null;
}

/** Writes an order. */
export function writeOrder(order: StandbyOrder | SandboxOrder): Fd {
  const memfd = createMemfd("cprctl-order");
  memfd.writeAll(new TextEncoder().encode(JSON.stringify(order)));
  return memfd;
}

/** Reads the order that has this number. */
export function readOrder<Kind extends Order>(number: number): Kind {
  using memfd = Fd.adopt(number);
  memfd.seek(0);
  const text = new TextDecoder().decode(memfd.readAll(MAXIMUM_ORDER));
  // Trusted: it was written by this same program.
  return JSON.parse(text) as Kind;
}

/** The part of an order with the files of a context, by their numbers. */
export function orderFiles(
  { cwd, namespaces, modules }: ContextFiles,
  give: (number: number) => number,
): Pick<Order, "cwd" | "namespaces" | "modules"> {
  return {
    cwd: give(cwd.number),
    namespaces: namespaces.map(({ number }) => give(number)),
    modules: modules.map(({ name, path, file }) => ({
      ...{ name, path },
      file: give(file.number),
    })),
  };
}

/** Takes the files that an order names. */
export function adoptFiles(
  { cwd, namespaces, modules }: Order,
): Omit<ContextFiles, "executable"> {
  return {
    cwd: adopt(cwd),
    namespaces: namespaces.map(adopt),
    modules: modules.map((it) => ({ ...it, file: adopt(it.file) })),
  };
}

/** Takes an inherited descriptor, which no other program inherits. */
export function adopt(number: number): Fd {
  const fd = Fd.adopt(number);
  fd.setCloexec(true);
  return fd;
}

/** A module's name and path; another file may be at the path now. */
export type ModuleName = Pick<MappedModule, "name" | "path">;

/** A module with the descriptor of its file. */
type ModuleOrder = ModuleName & { readonly file: number };

/**
 * The role of a descriptor: in CPR state, at a fixed number, or sent to the
 * program's monitor; for that one, its number in the VM's process.
 */
export type Role =
  | { readonly name: string; readonly id: number }
  | { readonly number: number }
  | { readonly sent: number };

/**
 * A request to a standby, one JSON object a line.
 *
 * ```
 * hold       take the descriptors that come with the line, in this order
 * duplicate  reply with everything that another standby needs, and keep it
 * go         become the old program
 * end        exit: the preserved descriptors are no longer needed
 * ```
 */
export type StandbyRequest =
  | { readonly do: "hold"; readonly roles: readonly Role[] }
  | { readonly do: "duplicate" }
  | { readonly do: "go" }
  | { readonly do: "end" };

/**
 * The reply to `duplicate`. With it come the descriptors of the executable, the
 * working directory, the namespaces and the modules; with the following lines
 * the preserved descriptors, as in `hold`.
 */
export type StandbyHoldings =
  & Pick<StandbyOrder, "context" | "groups" | "argv">
  & {
    readonly modules: readonly ModuleName[];
    /** Number of descriptors that come with the following lines. */
    readonly count: number;
  };

/** One of the following lines. */
export interface HoldingsPart {
  readonly roles: readonly Role[];
}

/** The first line from a standby on each connection. */
export interface StandbyGreeting {
  readonly pid: number;
  /** The parts of the process context that it could not take on, and why. */
  readonly problems: readonly string[];
}

const CHUNK = 64 * 1024;
/** Longer than any request. */
const MAXIMUM_LINE = 1024 * 1024;

/** A line, and the descriptors that came with it. */
export interface Line {
  readonly line: string;
  readonly descriptors: readonly Fd[];
}

/**
 * The lines from a socket, until the peer closes it. The peer sends descriptors
 * with the first byte of a line, and the kernel never merges bytes that carry
 * descriptors with earlier ones: so they belong to that line.
 */
export async function* lines(
  socket: UnixSocket,
  timeoutMs: number,
): AsyncGenerator<Line> {
  const decoder = new TextDecoder();
  let text = "";
  let descriptors: Fd[] = [];
  for (;;) {
    const received = await receive(socket, timeoutMs);
    if (received === undefined) return;
    descriptors.push(...received.descriptors);
    text += decoder.decode(received.bytes, { stream: true });
    for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n")) {
      yield { line: text.slice(0, end), descriptors };
      descriptors = [];
      text = text.slice(end + 1);
    }
    if (text.length > MAXIMUM_LINE) throw new Error("Line is too long");
  }
}

/** Sends an object as a line, with descriptors that belong to it. */
export async function sendLine(
  socket: UnixSocket,
  message: unknown,
  descriptors: readonly Fd[],
  timeoutMs: number,
): Promise<void> {
  const bytes = new TextEncoder().encode(`${JSON.stringify(message)}\n`);
  const numbers = descriptors.map(({ number }) => number);
  await socket.send(bytes, timeoutMs, numbers);
}

/** Undefined at EOF; a killed sender shows up as ECONNRESET. */
async function receive(
  socket: UnixSocket,
  timeoutMs: number,
): Promise<Received | undefined> {
  try {
    const received = await socket.receiveWithDescriptors(CHUNK, timeoutMs);
    return received.bytes.length === 0 ? undefined : received;
  } catch (error) {
    if (error instanceof OsError && error.code === "ECONNRESET") return;
    throw error;
  }
}
