/**
 * The virtual machines of this host, and what at first sight keeps each from
 * being updated. Whether an update would really work is for the preflight to
 * say; this one is cheap, and nothing that it asks changes anything.
 *
 * @module
 */

import { findFile } from "../../proc/file_identity.ts";
import { isGone } from "../../gone.ts";
import { messageOf } from "../../errors.ts";
import { CmdlineError } from "../../cmdline/mod.ts";
import { QmpClient, QmpConnectError, QmpError } from "../../qmp/mod.ts";
import { queryName, queryStatus } from "../../qmp/types/mod.ts";
import { CommandLine } from "../command/command_line.ts";
import { clipped } from "../../inert.ts";
import { readExecutable } from "../../proc/executable.ts";
import { sealedText } from "../report/sealed.ts";
import { VmLock } from "../run/lock.ts";
import { type ProgramName, versionText } from "../vm/facts.ts";
import { monitorSockets } from "./monitors.ts";
import { ListeningSockets } from "./listening_sockets.ts";
import {
  findVmProcesses,
  type PassedOver,
  type VmProcess,
} from "./processes.ts";

/** Raised when a field changes its meaning or goes away. */
export const LIST_SCHEMA = 1;

/** What is now at the path that a VM's program was started from. */
export type BinaryState = "same" | "replaced" | "deleted";

/** One virtual machine; snake_case, as `--json` prints it. */
export interface ListedVm {
  readonly pid: number;
  readonly name: string | null;
  readonly program: ProgramName;
  /** Of the running program; null where the monitor did not say. */
  readonly version: string | null;
  /** Run state; null where the monitor did not say. */
  readonly status: string | null;
  readonly binary: string;
  readonly binary_state: BinaryState;
  /** For `--qmp`; null where there is none that will do. */
  readonly qmp: string | null;
  /** Nothing seen so far speaks against an update. */
  readonly updatable: boolean;
  /** What does. */
  readonly obstacle: string | null;
}

/** All virtual machines that were found. */
export interface HostList {
  readonly schema: typeof LIST_SCHEMA;
  /** By ascending pid. */
  readonly vms: readonly ListedVm[];
  /** How many more belong to other users. */
  readonly unreadable: number;
  /** Processes that may be VMs and let nobody look at them, by ascending pid. */
  readonly passed_over: readonly PassedOver[];
}

/** How to look. */
export interface ListRequest {
  /** Whether the monitors are asked for name, version and status. */
  readonly asksMonitors: boolean;
  /** Milliseconds that each monitor has. */
  readonly timeoutMs?: number;
}

/** Milliseconds: a monitor answers at once, or has its reasons. */
const MONITOR_TIMEOUT_MS = 2_000;

/** Whatever is asked here has an answer of a few hundred bytes. */
const SHORT_ANSWERS = { maxReplyBytes: 64 * 1024 };
/** A name, as a table and its reader can take it. */
const LONGEST_NAME = 255;

/** A host with hundreds of VMs is asked so many at a time. */
const AT_ONCE = 32;
/** cpr-exec came with QEMU 10.2. */
const FIRST_WITH_CPR_EXEC = { major: 10, minor: 2 };

/** Lists the virtual machines of this host. */
export async function listVms(request: ListRequest): Promise<HostList> {
  const { found, passedOver, ...counted } = await findVmProcesses();
  let { unreadable } = counted;
  const vms: ListedVm[] = [];
  const unclear: PassedOver[] = [...passedOver];
  const sockets = socketsOf(found);
  const waiting = found.values();
  const worker = async () => {
    for (const process of waiting) {
      const vm = await describeOrPassOver(process, request, sockets);
      if (vm === "denied") unreadable++;
      else if (vm !== undefined && "why" in vm) unclear.push(vm);
      else if (vm !== undefined) vms.push(vm);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  vms.sort((a, b) => a.pid - b.pid);
  unclear.sort((a, b) => a.pid - b.pid);
  return { schema: LIST_SCHEMA, vms, unreadable, passed_over: unclear };
}

/** What one process does says nothing of the others. */
async function describeOrPassOver(
  process: VmProcess,
  request: ListRequest,
  sockets: ListeningSockets,
): Promise<ListedVm | PassedOver | "denied" | undefined> {
  try {
    return await describeVm(process, request, sockets);
  } catch (error) {
    return { pid: process.pid, why: sealedText(messageOf(error)) };
  }
}

/** Where the command lines of processes say that they listen. */
function socketsOf(processes: readonly VmProcess[]): ListeningSockets {
  return new ListeningSockets(
    processes.flatMap((process) => readWords(process).monitor ?? []),
  );
}

/**
 * Looks at one virtual machine.
 *
 * @returns undefined where the process has ended meanwhile, "denied" where it
 * is not for this user to look at
 */
export async function describeVm(
  process: VmProcess,
  request: ListRequest,
  sockets = socketsOf([process]),
): Promise<ListedVm | "denied" | undefined> {
  try {
    const { pid, program } = process;
    const { path, replaced } = await readExecutable(pid);
    const told = readWords(process);
    const qmp = told.monitor === undefined
      ? null
      : await reachable(pid, told.monitor);
    const own = () => sockets.has(pid, told.monitor ?? "");
    const asked = qmp === null
      ? {}
      : await askUnlessAtWork(qmp, pid, request, own);
    const obstacle = told.obstacle ?? asked.obstacle;
    const name = asked.name ?? told.name;
    return {
      pid,
      name: name === undefined ? null : clipped(name, LONGEST_NAME),
      program,
      version: asked.version ?? null,
      status: asked.status ?? null,
      binary: path,
      binary_state: replaced ? await stateOf(pid, path) : "same",
      qmp,
      updatable: obstacle === undefined,
      obstacle: obstacle === undefined ? null : sealedText(obstacle),
    };
  } catch (error) {
    if (isGone(error)) return undefined;
    if (error instanceof Deno.errors.PermissionDenied) return "denied";
    throw error;
  }
}

async function stateOf(pid: number, path: string): Promise<BinaryState> {
  const present = await findFile(`/proc/${pid}/root${path}`);
  return present === undefined ? "deleted" : "replaced";
}

/** What the command line tells. */
interface Told {
  readonly name?: string | undefined;
  /** Path of the QMP socket, as the VM's process understands it. */
  readonly monitor?: string;
  readonly obstacle?: string;
}

function readWords({ program, argv }: VmProcess): Told {
  try {
    const line = CommandLine.parse(program, argv);
    const name = line.values("name").at(-1)?.get("guest");
    const [socket] = monitorSockets(line);
    if (socket === undefined) return { name, obstacle: "it has no QMP socket" };
    if ("other" in socket) {
      return {
        name,
        obstacle: `its monitor is on no unix socket path: ${socket.other}`,
      };
    }
    const obstacle = obstacleOf(line);
    return {
      name,
      monitor: socket.path,
      ...obstacle === undefined ? {} : { obstacle },
    };
  } catch (error) {
    if (!(error instanceof CmdlineError)) throw error;
    return { obstacle: error.message };
  }
}

function obstacleOf(line: CommandLine): string | undefined {
  // What a file of options adds is not known here.
  if (line.has("readconfig")) return undefined;
  if (line.all("sandbox", "spawn").at(-1) === "deny") {
    return "its sandbox lets it execute nothing (spawn=deny)";
  }
  const shared = line.values("machine").map((it) => it.boolean("aux-ram-share"))
    .findLast((it) => it !== undefined);
  return shared === true ? undefined : "it was started without aux-ram-share";
}

/** The path by which this process reaches what the VM's process calls so. */
async function reachable(pid: number, path: string): Promise<string> {
  const links = ["root", "ns/mnt"];
  const [theirs, ours] = await Promise.all(
    [pid, "self"].map((it) =>
      Promise.all(links.map((link) => Deno.readLink(`/proc/${it}/${link}`)))
    ),
  );
  const absolute = path.startsWith("/")
    ? path
    : `${await Deno.readLink(`/proc/${pid}/cwd`)}/${path}`;
  return String(theirs) === String(ours)
    ? absolute
    : `/proc/${pid}/root${absolute}`;
}

/** What the monitor tells. */
interface Asked {
  readonly name?: string | undefined;
  readonly version?: string;
  readonly status?: string;
  readonly obstacle?: string;
}

/**
 * A monitor serves one client at a time: in an update, whoever else asks makes
 * the downtime longer.
 */
async function askUnlessAtWork(
  path: string,
  pid: number,
  { asksMonitors, timeoutMs = MONITOR_TIMEOUT_MS }: ListRequest,
  isOwn: () => Promise<boolean>,
): Promise<Asked> {
  if (await VmLock.isLeft(pid)) {
    return {
      obstacle: "another cprctl is updating it, or was killed while doing so",
    };
  }
  if (!asksMonitors) return {};
  // A command line may name the socket of another, which is not to be touched.
  return await isOwn() ? await askMonitor(path, pid, timeoutMs) : {
    obstacle: `its process does not listen at "${path}", which was not ` +
      "connected to",
  };
}

async function askMonitor(
  path: string,
  pid: number,
  timeoutMs: number,
): Promise<Asked> {
  try {
    await using client = await QmpClient.connect({ path }, {
      timeoutMs,
      ...SHORT_ANSWERS,
    });
    if (client.peer?.pid !== pid) {
      return { obstacle: `process ${client.peer?.pid} answers at its monitor` };
    }
    const { version } = client;
    const { status } = await queryStatus(client, { timeoutMs });
    const { name } = await queryName(client, { timeoutMs });
    return {
      name,
      version: versionText(version),
      status,
      ...isTooOld(client) ? { obstacle: "it does not know cpr-exec" } : {},
    };
  } catch (error) {
    if (error instanceof QmpConnectError && error.failure === "busy") {
      return { obstacle: "another client holds its monitor" };
    }
    if (error instanceof QmpError) return { obstacle: messageOf(error) };
    throw error;
  }
}

function isTooOld({ version }: QmpClient): boolean {
  if (version.package.startsWith("cprctl")) return false;
  const { major, minor } = FIRST_WITH_CPR_EXEC;
  return version.major < major ||
    (version.major === major && version.minor < minor);
}
