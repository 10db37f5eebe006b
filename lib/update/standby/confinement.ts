/**
 * The confinement of a process: its capabilities, no_new_privs and seccomp
 * filters, and how to give another process no more rights than these.
 *
 * ```
 * exec, of root       permitted = inheritable | bounding
 * exec, of others     permitted = ambient
 * no_new_privs        … and nothing that was not permitted before
 * ```
 *
 * Seccomp filters are read from the kernel; -sandbox on a command line proves
 * nothing.
 *
 * @module
 */

import {
  CAP_SETPCAP,
  dropFromBoundingSet,
  forbidNewPrivileges,
  keepCapabilities,
  setAmbientSet,
  setCapabilities,
} from "../../../ffi/capabilities.ts";
import { type Confinement, readStatusSync } from "../../proc/status.ts";
import { forbidsExec } from "./exec_filter.ts";
import { FILTERS_WORD } from "./words.ts";
import { addSeccompFilter, readSeccompFilters } from "../../../ffi/seccomp.ts";
import { spawn } from "../../../ffi/spawn.ts";
import { runBriefly } from "../../brief_run.ts";

/** The option that accepts a rollback to a less confined VM. */
export const ALLOW_WEAKER = "--allow-weaker-confinement";

/** The bits of a set. */
export const setOf = (text: string): bigint => BigInt(`0x${text}`);

/** The capabilities that a process loses and gains by a restart. */
export interface Difference {
  readonly lost: bigint;
  readonly gained: bigint;
}

/**
 * How the capabilities of a process would change if it were restarted.
 *
 * @param own the confinement of the process that would start it
 */
export function afterRestart(
  it: Confinement,
  uid: number,
  own: Confinement,
): Difference {
  const permitted = setOf(it.permitted);
  const possible = setOf(own.bounding);
  const given = uid === 0
    ? setOf(it.inheritable) | setOf(it.bounding)
    : setOf(it.ambient);
  return {
    lost: permitted & ~(given & possible),
    gained: it.noNewPrivileges ? 0n : given & ~permitted,
  };
}

/**
 * Whether a child of this process can be given the bounding set. Under
 * no_new_privs a wider one is harmless.
 */
export function mayConfine(it: Confinement, own: Confinement): boolean {
  const isWider = (setOf(own.bounding) & ~setOf(it.bounding)) !== 0n;
  return !isWider || it.noNewPrivileges || mayDrop(own);
}

function mayDrop({ effective }: Confinement): boolean {
  return (setOf(effective) & (1n << BigInt(CAP_SETPCAP))) !== 0n;
}

/**
 * Confines this thread like another process, for the program that it executes.
 *
 * @param becomeUser changes the user in between, which drops capabilities
 * @throws {OsError} EPERM if {@link mayConfine} is false
 */
export function confine(it: Confinement, becomeUser: () => void): void {
  const before = ownConfinement();
  const surplus = setOf(before.bounding) & ~setOf(it.bounding);
  if (surplus !== 0n && (mayDrop(before) || !it.noNewPrivileges)) {
    dropFromBoundingSet(surplus);
  }
  if ((setOf(it.inheritable) | setOf(it.ambient)) !== 0n) keepCapabilities();
  becomeUser();
  const now = ownConfinement();
  const available = setOf(now.permitted);
  const inheritable = setOf(it.inheritable) & available;
  const permitted = (setOf(it.permitted) | inheritable) & available;
  const effective = setOf(now.effective) & permitted;
  // The preflight reports those that are not available.
  setCapabilities({ effective, permitted, inheritable });
  setAmbientSet(setOf(it.ambient) & inheritable);
  if (it.noNewPrivileges) forbidNewPrivileges();
}

/** The confinement of this thread, which executes the program. */
export function ownConfinement(): Confinement {
  return readStatusSync("thread-self").confinement;
}

/** 64 filters of 32 KiB, in base64. */
const MAXIMUM_TEXT = 4 * 1024 * 1024;

/** The seccomp filters of a process. Plain data. */
export interface Seccomp {
  /**
   * Those that its program was executed under, in base64, the oldest first;
   * empty if this process has as many. Null if they cannot be read.
   */
  readonly filters: readonly string[] | null;
  /** Whether the program has installed one that forbids exec. */
  readonly forbidsExec: boolean;
}

const NO_FILTERS: Seccomp = { filters: [], forbidsExec: false };

/**
 * Reads the filters of a process.
 *
 * @param self the command that starts cprctl itself
 * @throws {OsError} when it cannot be started
 */
export async function readSeccomp(
  pid: number,
  self: readonly string[],
): Promise<Seccomp> {
  const { seccompFilters: count } = readStatusSync(pid);
  if (count <= readStatusSync("self").seccompFilters) return NO_FILTERS;
  const [program = "", ...args] = [...self, FILTERS_WORD, `${pid}`];
  const { text, failure } = await runBriefly(program, {
    ...{ args, output: "stdout", maximum: MAXIMUM_TEXT },
    // It is cprctl itself, so it keeps our environment.
    start: ({ argv, descriptors }) =>
      spawn(argv, { descriptors, newSession: true }),
  });
  const filters = failure === undefined ? JSON.parse(text) as string[] : [];
  if (filters.length < count) return { filters: null, forbidsExec: false };
  const inherited = filters
    .filter((it) => !forbidsExec(Uint8Array.fromBase64(it)));
  return {
    filters: inherited,
    forbidsExec: inherited.length < filters.length,
  };
}

/**
 * Applies filters to this thread and the program that it executes. They may
 * forbid every system call except the exec: call this last.
 *
 * @throws {OsError} EACCES without no_new_privs
 */
export function enterSeccomp({ filters }: Seccomp): void {
  for (const filter of filters ?? []) {
    addSeccompFilter(Uint8Array.fromBase64(filter));
  }
}

/**
 * Prints the filters of a process as a JSON array of base64 texts, the oldest
 * first. This needs a process of its own: it has to trace the other one, and
 * would hang in the kernel if that one hangs in an exec. Then it is killed,
 * which also ends the tracing.
 *
 * @param args the pid of the process
 * @returns the exit code
 * @throws {OsError} as {@linkcode readSeccompFilters} does
 */
export function printFilters(args: readonly string[]): number {
  const filters = readSeccompFilters(Number(args[0]));
  console.log(JSON.stringify(filters.map((it) => it.toBase64())));
  return 0;
}
