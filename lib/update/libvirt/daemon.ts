/**
 * libvirt's daemon for QEMU: virtqemud, or libvirtd, which has every driver.
 * It has to be stopped while a domain is updated: when the connection to a
 * monitor closes, as it does at an exec, it takes the domain to have ended and
 * kills it. Domains run on without a daemon, and a new one finds them again.
 *
 * @module
 */

import { PidFd } from "../../../ffi/process.ts";
import { OsError } from "../../../ffi/libc.ts";
import { spawn } from "../../../ffi/spawn.ts";
import { ifThere, ifThereSync } from "../../gone.ts";
import { readCommandLine } from "../../proc/cmdline.ts";
import { parseEnvironment, readEnvironment } from "../../proc/environ.ts";
import { readExecutable } from "../../proc/executable.ts";
import { readOwner } from "../../proc/processes.ts";
import { isThere } from "../../proc/process_name.ts";
import { readStat } from "../../proc/stat.ts";
import { RefusedError, UpdateProblem } from "../error.ts";
import { isBooted } from "../process/service.ts";
import { output } from "./programs.ts";

const DAEMONS = ["virtqemud", "libvirtd"] as const;
const SOCKETS = ["", "-ro", "-admin", "-tcp", "-tls"];
const TIMEOUT_MS = 30_000;
const ROOT = 0;

/** How the daemon was run. Plain data, for the note. */
export type Daemon =
  /** The units of systemd that were active. */
  | { readonly units: readonly string[] }
  /** A process that became a daemon by itself. */
  | {
    readonly pid: number;
    readonly startTime: string;
    readonly argv: readonly string[];
    readonly environment: Readonly<Record<string, string>>;
    readonly cwd: string;
  };

/**
 * Finds the daemon.
 *
 * @throws {RefusedError} when none runs, or another program watches over it
 */
export async function findDaemon(): Promise<Daemon> {
  const units = await activeUnits();
  if (units.length > 0) return { units };
  for (const name of DAEMONS) {
    const found = await findProcess(name);
    if (found !== undefined) return found;
  }
  throw new RefusedError(
    "libvirt-daemon",
    "Cannot find libvirt's daemon: neither virtqemud nor libvirtd runs",
    { remedy: "Start it: cprctl asks it for the domain's state" },
  );
}

/** Stops it, with what would start it again. */
export async function stopDaemon(daemon: Daemon): Promise<void> {
  if ("units" in daemon) {
    await output("systemctl", ["stop", ...daemon.units], TIMEOUT_MS);
    return;
  }
  using process = ifThereSync(() => PidFd.open(daemon.pid));
  if (process === undefined || !await isThere(daemon)) return;
  process.sendSignal("SIGTERM");
  if (await process.exited(TIMEOUT_MS)) return;
  throw new UpdateProblem(
    "libvirt-daemon",
    `libvirt's daemon, process ${daemon.pid}, does not end on SIGTERM`,
  );
}

/** Starts it as it was; does nothing if it runs. */
export async function startDaemon(daemon: Daemon): Promise<void> {
  if ("units" in daemon) {
    await output("systemctl", ["start", ...daemon.units], TIMEOUT_MS);
    return;
  }
  if (await isThere(daemon)) return;
  const { argv, environment, cwd } = daemon;
  try {
    using child = spawn(argv, {
      ...{ environment, cwd },
      descriptors: new Map(),
      newSession: true,
    });
    // It ends when the daemon that it has forked is ready.
    const { code, signal } = await child.wait(TIMEOUT_MS);
    if (code === 0 || await runs(argv)) return;
    throw new UpdateProblem(
      "libvirt-daemon",
      `"${argv.join(" ")}" ended with ${signal ?? `code ${code}`}`,
    );
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    throw new UpdateProblem(
      "libvirt-daemon",
      `Cannot start libvirt's daemon: ${error.message}`,
      { cause: error },
    );
  }
}

/** The command that starts it, for the operator. */
export function startWords(daemon: Daemon): string {
  return "units" in daemon
    ? `systemctl start ${daemon.units.join(" ")}`
    : daemon.argv.join(" ");
}

/** Somebody else may have started it meanwhile. */
async function runs([program = ""]: readonly string[]): Promise<boolean> {
  const name = DAEMONS.find((it) => program.endsWith(`/${it}`));
  return name !== undefined && await pidOf(name) !== undefined;
}

/**
 * The active units, services and sockets, of systemd. A socket may start its
 * service at any time, as the checks do, so that both count.
 */
async function activeUnits(): Promise<string[]> {
  if (!await isBooted()) return [];
  const wanted = DAEMONS.flatMap((name) => [
    `${name}.service`,
    ...SOCKETS.map((it) => `${name}${it}.socket`),
  ]);
  const properties = ["--property=Id", "--property=ActiveState"];
  const said = await output(
    "systemctl",
    ["show", ...properties, "--", ...wanted],
    TIMEOUT_MS,
  );
  const active = said.split("\n\n")
    .filter((it) => /^ActiveState=active$/m.test(it))
    .flatMap((it) => /^Id=(.+)$/m.exec(it)?.[1] ?? []);
  const services = DAEMONS.filter((name) => active.includes(`${name}.socket`))
    .map((name) => `${name}.service`);
  return [...new Set([...active, ...services])];
}

async function findProcess(name: string): Promise<Daemon | undefined> {
  const pid = await pidOf(name);
  if (pid === undefined) return undefined;
  const [{ startTime }, argv, environment, executable, cwd] = await Promise
    .all([
      readStat(pid),
      readCommandLine(pid),
      readEnvironment(pid),
      readExecutable(pid),
      Deno.readLink(`/proc/${pid}/cwd`),
    ]);
  const [, ...args] = argv;
  if (!args.some((it) => it === "--daemon" || /^-\w*d/.test(it))) {
    throw new RefusedError(
      "libvirt-daemon",
      `Cannot stop process ${pid}, the daemon of libvirt: it was not started ` +
        "with --daemon, so something else would restart it",
      { remedy: "Run it as a service of systemd, or with --daemon" },
    );
  }
  return {
    ...{ pid, startTime, cwd },
    argv: [executable.path, ...args],
    environment: parseEnvironment(environment),
  };
}

/**
 * The daemon of a name, by the file that it writes; undefined if none runs. A
 * file that it left may name a process of any user by now, who would choose
 * what root starts.
 */
export async function pidOf(
  name: string,
  folder = "/run",
): Promise<number | undefined> {
  const text = await ifThere(Deno.readTextFile(`${folder}/${name}.pid`));
  const pid = Number(text?.trim());
  if (!Number.isInteger(pid) || pid <= 1) return undefined;
  const owner = await ifThere(readOwner(pid));
  if (owner?.uid !== ROOT) return undefined;
  const executable = await ifThere(readExecutable(pid));
  return executable?.path.endsWith(`/${name}`) ? pid : undefined;
}
