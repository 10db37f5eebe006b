/**
 * Accesses files with the rights of another user.
 *
 * The kernel has separate ids for file access, for each thread: setfsuid(2).
 * While root has those of another user, it lacks the capabilities that override
 * permissions.
 *
 * @module
 */

import type { Credentials } from "./identity.ts";
import { call, check, libc, osError } from "./libc.ts";

const ROOT = 0;
/** An invalid id: returns the current one, and changes nothing. */
const NO_ID = 0xffff_ffff;

/**
 * Calls `work` with the file rights of another user, if this process is root.
 *
 * It must make only synchronous calls of libc: a thread that the runtime starts
 * for an asynchronous call would keep these rights.
 *
 * @throws {OsError} EPERM when this process may not take on these rights
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
  // The call reports no error: read the id again.
  if (libc()[call](NO_ID) !== id) throw osError("EPERM", call, `${id}`);
}

function groupsOfThread(): Uint32Array<ArrayBuffer> {
  const count = call("getgroups", [0, null]);
  const groups = new Uint32Array(count);
  call("getgroups", [count, groups]);
  return groups;
}

function setGroups(groups: Iterable<number>): void {
  const list = Uint32Array.from(groups);
  const size = BigInt(list.length);
  check(libc().setgroups_of_thread(size, list), "setgroups");
}
