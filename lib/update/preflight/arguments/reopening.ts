import type { Credentials } from "../../../../ffi/identity.ts";
import { parseCredentials } from "../../process/identity.ts";
import {
  type CheckContext,
  ok,
  type PreflightCheck,
  refuse,
} from "../check.ts";
import { listed } from "../wording.ts";
import { folderOf, serverPaths } from "./made_files.ts";
import { readProcText } from "../../process/proc.ts";

/** Permission bits, as they stand in each third of a mode. */
const READ = 4;
const WRITE = 2;
const SEARCH = 1;

const BY_ACCESS_MODE = [READ, WRITE, READ | WRITE];
const O_ACCMODE = 3;

/** The links of descriptors that are no paths: memfds and what was deleted. */
const NO_PATH = /^(?!\/)|^\/memfd:| \(deleted\)$/;

/**
 * A VM that gave up root opened its files before that. The new program has to
 * open them as the VM's user, and the old one too in a rollback.
 */
export const reopening: PreflightCheck = {
  id: "reopening",
  async run(context) {
    if (context.running.all("run-with", "user").length === 0) {
      return ok("the VM has not given up the rights that it opened files with");
    }
    const closed = await closedTo(await userOf(context), context);
    return closed.length === 0
      ? ok("the VM's user may open again what the VM has open")
      : refuse(
        "The VM gave up root (-run-with user=), and its user may not open " +
          `again: ${listed(closed)}`,
        "Give them to the VM's user, folders of sockets included",
      );
  },
};

async function userOf({ facts }: CheckContext): Promise<Credentials> {
  return parseCredentials(
    await readProcText(facts.pid, "status"),
    facts.pid,
  );
}

async function closedTo(
  user: Credentials,
  context: CheckContext,
): Promise<string[]> {
  const { files } = context;
  const closed = new Set<string>();
  for (const [number, { link, info }] of await files.open()) {
    // What lives on over an exec was not opened by QEMU, or need not be again.
    if (NO_PATH.test(link) || await files.closesOnExec(number) !== true) {
      continue;
    }
    const mode = (await files.flags(number) ?? 0) & O_ACCMODE;
    const wanted = BY_ACCESS_MODE[mode] ?? READ | WRITE;
    const may = allows(info, user, wanted) &&
      await maySearch(user, folderOf(link), context);
    if (!may) closed.add(link);
  }
  for (const path of serverPaths(context.next)) {
    const folder = folderOf(path);
    const info = await files.stat(folder);
    const may = info !== undefined && allows(info, user, WRITE | SEARCH) &&
      await maySearch(user, folder, context);
    if (!may) closed.add(path);
  }
  return [...closed];
}

/** Whether a user may go through a folder and those that it is in. */
async function maySearch(
  user: Credentials,
  path: string,
  context: CheckContext,
): Promise<boolean> {
  for (let folder = path;; folder = folderOf(folder)) {
    const info = await context.files.stat(folder);
    if (info === undefined || !allows(info, user, SEARCH)) return false;
    if (folder === "/" || folder === ".") return true;
  }
}

/** By the mode alone: an access list may allow more. */
function allows(
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
