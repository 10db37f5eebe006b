/**
 * The virtual machines of this host, each with the first known obstacle to an
 * update. This is cheap and changes nothing; whether an update would work is
 * for the preflight to decide.
 *
 * @module
 */

import { findFile } from "../../proc/file_identity.ts";
import { isGone } from "../../gone.ts";
import { messageOf } from "../../errors.ts";
import { CmdlineError } from "../../cmdline/mod.ts";
import { QmpClient, QmpConnectError, QmpError } from "../../qmp/mod.ts";
import { queryName, queryStatus } from "../../qmp/queries.ts";
import { placeOf } from "../command/set_aside.ts";
import { CommandLine } from "../command/command_line.ts";
import {
  domainObstacleOn,
  isOfLibvirt,
  type Obstacle,
  obstacleOn,
} from "../command/obstacles.ts";
import { domainOf } from "../libvirt/domain.ts";
import { replacedLibraries, successorOf } from "../process/successor.ts";
import { clipped } from "../../inert.ts";
import { readExecutable } from "../../proc/executable.ts";
import { sealedText } from "../report/sealed.ts";
import { VmLock } from "../run/lock.ts";
import { knowsCprExec, type ProgramName, versionText } from "../vm/facts.ts";
import { canBeMoved } from "../vm/run_state.ts";
import {
  ListeningSockets,
  monitorObstacle,
  monitorSockets,
} from "./monitors.ts";
import {
  findVmProcesses,
  type SkippedProcess,
  type VmProcess,
} from "./processes.ts";

/** Raised when a field changes its meaning or goes away. */
export const LIST_SCHEMA = 1;

/**
 * What is now at the path that a VM's program was started from; "replaced" also
 * where that path is a link that leads to another program now.
 */
export type BinaryState = "same" | "replaced" | "deleted";

/** One virtual machine; snake_case, as `--json` prints it. */
export interface ListedVm {
  readonly pid: number;
  readonly name: string | null;
  readonly program: ProgramName;
  /** Of the running program; null if not known. */
  readonly version: string | null;
  /** Run state; null if not known. */
  readonly status: string | null;
  readonly binary: string;
  readonly binary_state: BinaryState;
  /** Libraries in use that were replaced or deleted on disk. */
  readonly replaced_libraries: readonly string[];
  /** Whether an update would change the program or its libraries. */
  readonly due: boolean;
  /** For `--qmp`; null without a suitable monitor. */
  readonly qmp: string | null;
  /** For `--domain`; null unless the system daemon of libvirt manages it. */
  readonly domain: string | null;
  /** Whether there is no known obstacle. */
  readonly updatable: boolean;
  /** The first known obstacle to an update. */
  readonly obstacle: string | null;
  /** Its stable name: the id of a check, or one of {@linkcode OBSTACLES}. */
  readonly obstacle_code: string | null;
}

/** Codes of obstacles that only the list knows. */
const OBSTACLES = {
  COMMAND_LINE: "command-line",
  UNFINISHED: "unfinished",
  OTHER_LISTENER: "other-listener",
  BUSY: "qmp-busy",
} as const;

/** All virtual machines that were found. */
export interface HostList {
  readonly schema: typeof LIST_SCHEMA;
  /** By ascending pid. */
  readonly vms: readonly ListedVm[];
  /** Number of further VMs that belong to other users. */
  readonly unreadable: number;
  /** Processes that may be VMs and could not be examined, by ascending pid. */
  readonly skipped: readonly SkippedProcess[];
}

/** How to list. */
export interface ListRequest {
  /** Whether the monitors are asked for name, version and status. */
  readonly asksMonitors: boolean;
  /** Time limit in milliseconds for each monitor. */
  readonly timeoutMs?: number;
}

const MONITOR_TIMEOUT_MS = 2_000;

/** The replies to these queries have a few hundred bytes. */
const SHORT_REPLIES = { maxReplyBytes: 64 * 1024 };
/** Longer than real names. */
const LONGEST_NAME = 255;

/** Number of VMs that are queried in parallel. */
const PARALLEL = 32;

/** Lists the virtual machines of this host. */
export async function listVms(request: ListRequest): Promise<HostList> {
  const processes = await findVmProcesses();
  const { found } = processes;
  let { unreadable } = processes;
  const vms: ListedVm[] = [];
  const skipped = [...processes.skipped];
  const sockets = socketsOf(found);
  const waiting = found.values();
  const worker = async () => {
    for (const process of waiting) {
      const vm = await describeOrSkip(process, request, sockets);
      if (vm === "denied") unreadable++;
      else if (vm !== undefined && "why" in vm) skipped.push(vm);
      else if (vm !== undefined) vms.push(vm);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, worker));
  vms.sort((a, b) => a.pid - b.pid);
  skipped.sort((a, b) => a.pid - b.pid);
  return { schema: LIST_SCHEMA, vms, unreadable, skipped };
}

/** An error with one process must not end the list. */
async function describeOrSkip(
  process: VmProcess,
  request: ListRequest,
  sockets: ListeningSockets,
): Promise<ListedVm | SkippedProcess | "denied" | undefined> {
  try {
    return await describeVm(process, request, sockets);
  } catch (error) {
    return { pid: process.pid, why: sealedText(messageOf(error)) };
  }
}

/** The monitor sockets that command lines name. */
function socketsOf(processes: readonly VmProcess[]): ListeningSockets {
  return new ListeningSockets(
    processes.flatMap((process) => readOptions(process).monitor ?? []),
  );
}

/**
 * Describes one virtual machine.
 *
 * @returns undefined if the process has ended, "denied" if this user may not
 * examine it
 */
export async function describeVm(
  process: VmProcess,
  request: ListRequest,
  sockets = socketsOf([process]),
): Promise<ListedVm | "denied" | undefined> {
  try {
    const { pid, program } = process;
    const executable = await readExecutable(pid);
    const { path } = executable;
    const successor = await successorOf(pid, process.argv, executable);
    const state = successor.isOther
      ? "replaced"
      : executable.replaced
      ? await stateOf(pid, path)
      : "same";
    const libraries = await replacedLibraries(pid);
    const options = readOptions(process);
    const domain = options.domain ?? null;
    const qmp = options.monitor === undefined || domain !== null
      ? null
      : await reachable(pid, placeOf(options.monitor));
    const isOwn = () => sockets.has(pid, options.monitor ?? "");
    const reply = await askUnlessLocked(qmp, pid, request, isOwn);
    const obstacle = options.obstacle ?? reply.obstacle;
    const name = reply.name ?? options.name;
    return {
      pid,
      name: name === undefined ? null : clipped(name, LONGEST_NAME),
      program,
      version: reply.version ?? null,
      status: reply.status ?? null,
      binary: path,
      binary_state: state,
      replaced_libraries: libraries.map(sealedText),
      due: state !== "same" || libraries.length > 0,
      qmp,
      domain,
      updatable: obstacle === undefined,
      obstacle: obstacle === undefined ? null : sealedText(obstacle.text),
      obstacle_code: obstacle?.code ?? null,
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

/** What the command line says about a VM. */
interface FromCommandLine {
  readonly name?: string | undefined;
  /** Path of the QMP socket, as the VM sees it. */
  readonly monitor?: string;
  /** Name of the domain of libvirt. */
  readonly domain?: string;
  readonly obstacle?: Obstacle | undefined;
}

function readOptions({ pid, program, argv }: VmProcess): FromCommandLine {
  try {
    const line = CommandLine.guess(program, argv);
    const name = line.values("name").at(-1)?.get("guest");
    const domain = isOfLibvirt(line) ? domainOf(name ?? "", pid) : undefined;
    if (domain !== undefined) {
      const obstacle = domainObstacleOn(line);
      return { name, domain: domain.name, obstacle };
    }
    const sockets = monitorSockets(line);
    const [socket] = sockets;
    const obstacle = obstacleOn(line) ?? monitorObstacle(sockets);
    return socket !== undefined && "path" in socket
      ? { name, monitor: socket.path, obstacle }
      : { name, obstacle };
  } catch (error) {
    if (!(error instanceof CmdlineError)) throw error;
    const code = OBSTACLES.COMMAND_LINE;
    return { obstacle: { code, text: error.message } };
  }
}

/** The path for this process of a path as the VM sees it. */
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

/** What the monitor says about a VM. */
interface FromMonitor {
  readonly name?: string | undefined;
  readonly version?: string;
  readonly status?: string;
  readonly obstacle?: Obstacle | undefined;
}

/**
 * A monitor serves one client at a time: another client during an update adds
 * to the downtime.
 */
async function askUnlessLocked(
  path: string | null,
  pid: number,
  { asksMonitors, timeoutMs = MONITOR_TIMEOUT_MS }: ListRequest,
  isOwn: () => Promise<boolean>,
): Promise<FromMonitor> {
  if (await VmLock.isLeft(pid)) {
    return obstructed(
      OBSTACLES.UNFINISHED,
      "another cprctl is updating it, or was killed while doing so: run " +
        "cprctl recover",
    );
  }
  if (!asksMonitors || path === null) return {};
  // The command line may name the socket of another process.
  return await isOwn() ? await askMonitor(path, pid, timeoutMs) : obstructed(
    OBSTACLES.OTHER_LISTENER,
    `its process does not listen at "${path}", which was not connected to`,
  );
}

async function askMonitor(
  path: string,
  pid: number,
  timeoutMs: number,
): Promise<FromMonitor> {
  try {
    await using client = await QmpClient.connect({ path }, {
      timeoutMs,
      ...SHORT_REPLIES,
    });
    if (client.peer?.pid !== pid) {
      return obstructed(
        OBSTACLES.OTHER_LISTENER,
        `process ${client.peer?.pid} answers at its monitor`,
      );
    }
    const { version } = client;
    const { status } = await queryStatus(client, { timeoutMs });
    const { name } = await queryName(client, { timeoutMs });
    return {
      name,
      version: versionText(version),
      status,
      ...isTooOld(client)
        ? obstructed("cpr-exec", "it does not support cpr-exec")
        : canBeMoved(status)
        ? {}
        : obstructed("run-state", `it is in run state "${status}"`),
    };
  } catch (error) {
    if (error instanceof QmpConnectError && error.failure === "busy") {
      return obstructed(
        OBSTACLES.BUSY,
        "another client is connected to its monitor",
      );
    }
    if (error instanceof QmpError) return obstructed(error.code, error.message);
    throw error;
  }
}

function obstructed(code: string, text: string): FromMonitor {
  return { obstacle: { code, text } };
}

function isTooOld({ version }: QmpClient): boolean {
  return !version.package.startsWith("cprctl") && !knowsCprExec(version);
}
