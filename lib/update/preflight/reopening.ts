/**
 * A VM that gave up root opened its files before that. The new program has to
 * open them as the VM's user, and so has the old one in a rollback.
 *
 * @module
 */

import type { Credentials } from "../../../ffi/identity.ts";
import { O_ACCMODE } from "../../../ffi/open_flags.ts";
import { readStatus } from "../../proc/status.ts";
import { credentialsOf } from "../process/identity.ts";
import {
  type CheckContext,
  listed,
  ok,
  type PreflightCheck,
  refuse,
} from "./check.ts";
import { folderOf, serverPaths } from "./files.ts";

export const reopening: PreflightCheck = {
  id: "reopening",
  async run(context) {
    const { facts: { pid }, running } = context;
    if (running.all("run-with", "user").length === 0) {
      return ok("the VM has not given up the rights that it opened files with");
    }
    const user = credentialsOf(await readStatus(pid), pid);
    const closed = await inaccessibleTo(user, context);
    return closed.length === 0
      ? ok("the VM's user may open again what the VM has open")
      : refuse(
        "The VM gave up root (-run-with user=), and its user may not open " +
          `again: ${listed(closed)}`,
        "Give them to the VM's user, folders of sockets included",
      );
  },
};

/** Permission bits, as in each third of a mode. */
const READ = 4;
const WRITE = 2;
const SEARCH = 1;

const BY_ACCESS_MODE = [READ, WRITE, READ | WRITE];

/** Links of descriptors that are no paths: memfds and deleted files. */
const NO_PATH = /^(?!\/)|^\/memfd:| \(deleted\)$/;

async function inaccessibleTo(
  user: Credentials,
  context: CheckContext,
): Promise<string[]> {
  const { files } = context;
  const closed = new Set<string>();
  for (const [number, { link, info }] of await files.open()) {
    // What stays open over an exec was passed to QEMU, or is not opened again.
    const opened = NO_PATH.test(link) ? undefined : await files.info(number);
    if (opened?.closesOnExec !== true) continue;
    const wanted = BY_ACCESS_MODE[opened.flags & O_ACCMODE] ?? READ | WRITE;
    const may = isAllowed(info, user, wanted) &&
      await canSearch(user, folderOf(link), context);
    if (!may) closed.add(link);
  }
  for (const path of serverPaths(context.next)) {
    const folder = folderOf(path);
    const info = await files.stat(folder);
    const may = info !== undefined && isAllowed(info, user, WRITE | SEARCH) &&
      await canSearch(user, folder, context);
    if (!may) closed.add(path);
  }
  return [...closed];
}

/** Whether a user may pass through a folder and all folders above it. */
async function canSearch(
  user: Credentials,
  path: string,
  { files }: CheckContext,
): Promise<boolean> {
  for (let folder = path;; folder = folderOf(folder)) {
    const info = await files.stat(folder);
    if (info === undefined || !isAllowed(info, user, SEARCH)) return false;
    if (folder === "/" || folder === ".") return true;
  }
}

/** By the mode alone: an access list may allow more. */
function isAllowed(
  info: Deno.FileInfo,
  user: Credentials,
  wanted: number,
): boolean {
  if (user.uid === 0) return true;
  const mode = info.mode ?? 0;
  const groups = [user.gid, ...user.groups];
  const bits = info.uid === user.uid
    ? mode >> 6
    : groups.includes(info.gid ?? -1)
    ? mode >> 3
    : mode;
  return (bits & wanted) === wanted;
}
