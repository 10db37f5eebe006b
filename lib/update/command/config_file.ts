/**
 * Replaces -readconfig by the options in its file, so that the whole VM is on
 * one command line: it can be compared with the VM, changed, and used again
 * whatever becomes of the file.
 *
 * The VM may have put anything at that path. It is read with the rights of the
 * VM's user, in the VM's root, and only if it is a regular file of limited
 * size. Where a user's process serves a file system, it is not read: that
 * process could keep us waiting.
 *
 * @module
 */

import { OsError } from "../../../ffi/libc.ts";
import { openForeignFile, openRoot } from "../../../ffi/foreign_file.ts";
import { UnreadableError } from "../../bounded_file.ts";
import {
  CmdlineError,
  configWords,
  type OptionTable,
  parseArguments,
} from "../../cmdline/mod.ts";
import { readMountinfo } from "../../proc/mountinfo.ts";
import { ProcessFiles } from "../../proc/process_files.ts";
import { readStat } from "../../proc/stat.ts";
import { readStatus } from "../../proc/status.ts";
import { RefusedError } from "../error.ts";
import { credentialsOf } from "../process/identity.ts";
import type { ProgramName } from "../vm/facts.ts";
import { firstOption } from "./command_line.ts";
import { type CommandChange, shellWords } from "./draft.ts";

const OPTION = "readconfig";
/** All files of a VM have fewer; those of managers have some 10 kB. */
const MAX_BYTES = 256 * 1024;
const MAX_FILES = 16;

/** A running VM's command line. */
export interface StartedVm {
  readonly pid: number;
  readonly program: ProgramName;
  readonly argv: readonly string[];
  /** The options that its program knows; default: QEMU's own. */
  readonly options?: OptionTable | undefined;
}

/** A command line without -readconfig. */
export interface Expanded {
  readonly argv: readonly string[];
  readonly changes: readonly CommandChange[];
}

/**
 * Replaces each -readconfig by the options in its file.
 *
 * @throws {RefusedError} when a file cannot be read, or may be another one by
 * now
 */
export async function expandConfigFiles(
  { pid, program, argv, options }: StartedVm,
): Promise<Expanded> {
  const first = firstOption(program, argv);
  const words = argv.slice(first);
  const asIs = { argv, changes: [] };
  if (!words.some((word) => word.endsWith(OPTION))) return asIs;
  let parsed: ReturnType<typeof parseArguments>;
  try {
    parsed = parseArguments(words, options);
  } catch (error) {
    // Reported by the next function that parses the command line.
    if (error instanceof CmdlineError) return asIs;
    throw error;
  }
  const changes: CommandChange[] = [];
  const whole: string[] = [];
  let left = MAX_BYTES;
  for (const { option, value = "", words } of parsed) {
    if (option !== OPTION) {
      whole.push(...words);
      continue;
    }
    if (changes.length === MAX_FILES) {
      throw refused(value, `the VM has more than ${MAX_FILES} such files`);
    }
    const text = await contentsOf(value, pid, left);
    left -= text.length;
    const found = optionsIn(value, text);
    for (const word of found) whole.push(word);
    changes.push({
      from: shellWords(words),
      to: shellWords(found),
      why: "these are the options in that file, which may change later",
    });
  }
  return { argv: [...argv.slice(0, first), ...whole], changes };
}

function optionsIn(path: string, text: string): string[] {
  try {
    return configWords(text);
  } catch (error) {
    if (!(error instanceof CmdlineError)) throw error;
    throw refused(path, error.message, error);
  }
}

/** @param limit the most bytes to read */
async function contentsOf(
  path: string,
  pid: number,
  limit: number,
): Promise<string> {
  try {
    const absolute = path.startsWith("/")
      ? path
      : `${await Deno.readLink(`/proc/${pid}/cwd`)}/${path}`;
    const files = new ProcessFiles(pid);
    const server = await userFileSystem(pid);
    if (server !== undefined) throw refused(path, server);
    // A file system that hangs is found here, where there is a deadline.
    await files.stat(absolute);
    const user = credentialsOf(await readStatus(pid), pid);
    const latest = await latestStart(pid);
    using root = openRoot(`/proc/${pid}/root`);
    using file = openForeignFile(absolute, { root, followLink: true, user });
    const bytes = file.readAll(limit);
    // Looked at afterwards, so that no change is missed.
    if (file.stat().changed > latest) {
      throw refused(path, "it was changed after the VM was started");
    }
    return new TextDecoder().decode(bytes);
  } catch (error) {
    if (error instanceof OsError || error instanceof UnreadableError) {
      throw refused(path, error.message, error);
    }
    throw error;
  }
}

const FUSE = /^fuse/;
const SERVED_BY_ROOT = /(^|,)user_id=0(,|$)/;

/** Why a read in the VM's root may wait for another user's process. */
async function userFileSystem(pid: number): Promise<string | undefined> {
  const users = ["self", pid].map((it) => Deno.readLink(`/proc/${it}/ns/user`));
  const [ours, theirs] = await Promise.all(users);
  if (ours !== theirs) return "the VM is in another user namespace";
  const mount = (await readMountinfo(pid)).find(({ type, options }) =>
    FUSE.test(type) && !SERVED_BY_ROOT.test(options)
  );
  return mount &&
    `a user's process serves the file system at "${mount.mountPoint}" (FUSE)`;
}

function refused(path: string, why: string, cause?: Error): RefusedError {
  return new RefusedError(
    "readconfig",
    `Cannot tell what -readconfig "${path}" gave the VM: ${why}`,
    {
      remedy:
        "Restart the VM, and from then on leave that file unchanged and " +
        "readable for the VM's user",
      ...cause === undefined ? {} : { cause },
    },
  );
}

const TICK_MS = 10;
/** By how much the clocks of files and processes may differ. */
const TOLERANCE_MS = 100;

/**
 * When a process was started, at the latest. Neither program could load the
 * state of a VM with other options, so a file that changed later is refused.
 */
async function latestStart(pid: number): Promise<number> {
  const [{ startTime }, uptime] = await Promise.all([
    readStat(pid),
    Deno.readTextFile("/proc/uptime"),
  ]);
  const booted = Date.now() - Number.parseFloat(uptime) * 1000;
  return booted + Number(startTime) * TICK_MS + TOLERANCE_MS;
}
