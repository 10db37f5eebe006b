/**
 * The identity of the VM's process. It is established once, and verified before
 * anything that depends on it: the process may execute another program at any
 * moment, for example one that changes its user, and is no longer a VM then.
 *
 * ```
 * monitor's peer ─▶ identify ─▶ facts ─▶ context, pinned ─▶ hold ─▶ rollback
 *                       │                     │             │
 *                       └──── same? ──────────┴──── same? ──┘
 * ```
 *
 * @module
 */

import type { Credentials } from "../../../ffi/identity.ts";
import { type ProcessStatus, readStatusSync } from "../../proc/status.ts";
import { readStat, readStatSync } from "../../proc/stat.ts";
import { isGone } from "../../gone.ts";
import { UpdateProblem } from "../error.ts";
import { hasSetIds } from "../../proc/auxv.ts";
import { readCommandLine } from "../../proc/cmdline.ts";
import { readEnvironment } from "../../proc/environ.ts";
import { type Executable, readExecutable } from "../../proc/executable.ts";
import {
  type FileIdentity,
  identityAt,
  isSameIdentity,
} from "../../proc/file_identity.ts";

/** Who opened a monitor's socket, as the kernel recorded it at that time. */
export interface Opener {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** A process as it was found. */
export interface Identity {
  readonly pid: number;
  /** Together with the pid, identifies the process. */
  readonly startTime: string;
  /** Changes with an exec, and with nothing else. */
  readonly image: string;
  readonly executable: Executable;
  readonly credentials: Credentials;
  /** Whether root opened its monitor: only then may the process be root's. */
  readonly openedByRoot: boolean;
  readonly argv: readonly string[];
  /** As in /proc: each variable is followed by a NUL. */
  readonly environment: string;
}

const ROOT = 0;
const MEMBERS_OF_STATUS = ["real", "effective", "saved", "file system"];

/**
 * Identifies the process that opened a monitor.
 *
 * @throws {UpdateProblem} when it has several users, or another one than its
 * monitor
 * @throws {Deno.errors.PermissionDenied} when it is another user's
 */
export async function identify(opener: Opener): Promise<Identity> {
  const { pid } = opener;
  const before = readNow(pid);
  const [{ startTime }, executable, argv, environment, isSet] = await Promise
    .all([
      readStat(pid),
      readExecutable(pid),
      readCommandLine(pid),
      readEnvironment(pid),
      hasSetIds(pid),
    ]);
  const { image, credentials } = before;
  const found: Identity = {
    ...{ pid, startTime, image, executable, argv, environment, credentials },
    openedByRoot: opener.uid === ROOT,
  };
  if (isSet) throw privileged(pid);
  requireOpener(found, opener, before.visibleTo);
  requireSameNow(found);
  return found;
}

/**
 * Makes sure that nothing about the process has changed.
 *
 * @throws {UpdateProblem}
 */
export async function requireSame(it: Identity): Promise<void> {
  const [{ startTime }, argv, environment] = await Promise.all([
    readStat(it.pid),
    readCommandLine(it.pid),
    readEnvironment(it.pid),
  ]);
  if (startTime !== it.startTime) throw changed(it, "another process");
  if (argv.join("\0") !== it.argv.join("\0")) {
    throw changed(it, "another command line");
  }
  if (environment !== it.environment) throw changed(it, "another environment");
  requireSameNow(it);
}

/**
 * The same, but only by what the kernel stores itself: this takes microseconds,
 * and the process cannot delay it.
 *
 * @throws {UpdateProblem}
 */
export function requireSameNow(it: Identity): void {
  let now: Now;
  try {
    now = readNow(it.pid);
  } catch (error) {
    if (isGone(error)) throw changed(it, "it ended");
    throw error;
  }
  const { image, file, credentials } = now;
  const isSameProgram = image === it.image &&
    isSameIdentity(file, it.executable);
  if (!isSameProgram) throw changed(it, "another program");
  requireSameUser(it, credentials);
}

/**
 * Makes sure that a process still has the same user, even if it executes
 * another program by now.
 *
 * @throws {UpdateProblem}
 */
export function requireSameUser(
  it: Pick<Identity, "pid" | "credentials">,
  now: Credentials = readCredentials(it.pid),
): void {
  const same = now.uid === it.credentials.uid &&
    now.gid === it.credentials.gid &&
    now.groups.join() === it.credentials.groups.join();
  if (!same) throw changed(it, "another user or group");
}

/** Whether a process has this user and group, and no others. */
export function isOwnedBy(
  pid: number,
  { uid, gid }: Pick<Credentials, "uid" | "gid">,
): boolean {
  try {
    const now = readCredentials(pid);
    return now.uid === uid && now.gid === gid;
  } catch (error) {
    if (isGone(error) || error instanceof UpdateProblem) return false;
    throw error;
  }
}

/** What can be read about a process without waiting. */
interface Now {
  readonly credentials: Credentials;
  readonly image: string;
  readonly file: FileIdentity;
  /** The owner of its entries in /proc: root, if it is not dumpable. */
  readonly visibleTo: number;
}

function readNow(pid: number): Now {
  const { image } = readStatSync(pid);
  const credentials = readCredentials(pid);
  const exe = `/proc/${pid}/exe`;
  Deno.statSync(exe); // whose errors have classes
  const file = identityAt(exe);
  // The folder itself always belongs to the user.
  const visibleTo = Deno.statSync(`/proc/${pid}/environ`).uid ?? ROOT;
  // An exec in between would mix up two programs.
  if (readStatSync(pid).image !== image) {
    throw changed({ pid }, "another program");
  }
  return { credentials, image, file, visibleTo };
}

function readCredentials(pid: number): Credentials {
  return credentialsOf(readStatusSync(pid), pid);
}

/**
 * The user and groups of a process.
 *
 * @throws {UpdateProblem} when the real, effective, saved and file system IDs
 * differ: the process is changing from one user to another
 */
export function credentialsOf(
  { uids, gids, groups }: Pick<ProcessStatus, "uids" | "gids" | "groups">,
  pid: number,
): Credentials {
  const one = (what: string, ids: readonly number[]): number => {
    const [first] = ids;
    const isOne = ids.length === MEMBERS_OF_STATUS.length &&
      ids.every((id) => id === first);
    if (first !== undefined && isOne) return first;
    const told = MEMBERS_OF_STATUS.map((it, at) => `${it} ${ids[at]}`);
    throw new UpdateProblem(
      "several-users",
      `Process ${pid} has several ${what}: ${told.join(", ")}`,
      {
        remedy: "Look at the process: a VM does not run a " +
          "set-user-ID or set-group-ID program",
      },
    );
  };
  return { uid: one("users", uids), gid: one("groups", gids), groups };
}

/**
 * A VM that root started may have given up root since then. Any other VM must
 * have the same user as when it opened its monitor.
 */
function requireOpener(
  { pid, credentials: { uid, gid } }: Identity,
  opener: Opener,
  visibleTo: number,
): void {
  if (opener.uid === ROOT) return;
  if (uid !== opener.uid || gid !== opener.gid) {
    throw new UpdateProblem(
      "another-user",
      `Process ${pid} is user ${uid} in group ${gid}, and its monitor was ` +
        `opened by user ${opener.uid} in group ${opener.gid}`,
      { remedy: "Look at the process: it does not seem to be a VM" },
    );
  }
  if (visibleTo === uid) return;
  throw new UpdateProblem(
    "not-dumpable",
    `Process ${pid} of user ${uid} is hidden from that user (it is not ` +
      "dumpable), like a program that has more rights than its user",
    {
      remedy: "Start the VM with a program that has neither set-user-ID nor " +
        "file capabilities",
    },
  );
}

/**
 * Such a program may have switched all its IDs to those of its file's owner by
 * now. Its environment, which a rollback would restore, came from another user.
 */
function privileged(pid: number): UpdateProblem {
  return new UpdateProblem(
    "privileged-program",
    `Process ${pid} executes a program that gave it another user or group ` +
      "(set-user-ID or set-group-ID)",
    { remedy: "Look at the process: a VM is not started by such a program" },
  );
}

function changed(
  { pid }: Pick<Identity, "pid">,
  what: string,
): UpdateProblem {
  return new UpdateProblem(
    "process-changed",
    `Process ${pid} has changed since it was examined: ${what}`,
    {
      remedy:
        "Look at the process; if it is still a VM, run the same command again",
    },
  );
}
