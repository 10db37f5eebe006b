/**
 * Doing to files what another user may do, and no more.
 *
 * The kernel keeps the ids that count for files apart from the others, and for
 * each thread: setfsuid(2). Root that takes on another user's loses with it the
 * capabilities that override permissions, and gets them back afterwards.
 *
 * @module
 */

import type { Credentials } from "./identity.ts";
import { check, libc, osError } from "./libc.ts";

const ROOT = 0;
/** An id that nobody has: asks for the present one, and changes nothing. */
const NO_ID = 0xffff_ffff;
/** System call numbers, by architecture. */
const SYS_SETGROUPS = { x86_64: 116n, aarch64: 159n } as const;

/**
 * Calls with the file rights of another user where this process is root; with
 * its own where it is not, or where the user is root.
 *
 * The work must be calls of libc alone: what the runtime starts meanwhile, such
 * as a thread for an asynchronous call, would keep these rights.
 *
 * @throws {OsError} EPERM when this process may not take them on
 */
export function withRightsOf<T>(user: Credentials, work: () => T): T {
  if (libc().geteuid() !== ROOT || user.uid === ROOT) return work();
  const own = { groups: groupsOfThread(), gid: libc().setfsgid(NO_ID) };
  using undo = new DisposableStack();
  undo.defer(() => setGroups(own.groups));
  setGroups(user.groups);
  undo.defer(() => setId("setfsgid", own.gid));
  setId("setfsgid", user.gid);
  undo.defer(() => setId("setfsuid", ROOT));
  setId("setfsuid", user.uid);
  return work();
}

function setId(call: "setfsuid" | "setfsgid", id: number): void {
  libc()[call](id);
  // It says the id before, whether or not it did anything.
  if (libc()[call](NO_ID) !== id) throw osError("EPERM", call, `${id}`);
}

function groupsOfThread(): Uint32Array<ArrayBuffer> {
  const count = check(libc().getgroups(0, null), "getgroups");
  const groups = new Uint32Array(count);
  check(libc().getgroups(count, groups), "getgroups");
  return groups;
}

function setGroups(groups: Iterable<number>): void {
  const list = Uint32Array.from(groups);
  check(
    libc().setgroups_of_thread(
      SYS_SETGROUPS[Deno.build.arch],
      BigInt(list.length),
      new Uint8Array(list.buffer),
    ),
    "setgroups",
  );
}
