/**
 * How a program may run that is asked what it is.
 *
 * ```
 * cprctl is not root         as this user, who may run it anyway
 * the operator named it,     as root: no other user can have changed it; but
 * and it is root's           not if it is to load modules of the VM's choosing
 * anything else              in the VM's own confinement, or not at all
 * ```
 *
 * A program is not harmless because it is root's: a VM's process may execute
 * any of them, and the options that ask a QEMU for its version mean other
 * things to other programs.
 *
 * @module
 */

import { type BriefEnd, type BriefRun, runBriefly } from "../../brief_run.ts";
import { UpdateProblem } from "../error.ts";
import {
  type FileIdentity,
  findFile,
  isSameIdentity,
} from "../../proc/file_identity.ts";
import type { Sandbox } from "../standby/sandbox.ts";
import { isHidden } from "../../proc/file.ts";

/** Where a QEMU looks for its modules first; the VM's user may have set it. */
const MODULE_DIR = "QEMU_MODULE_DIR";

/** Variables of an environment. */
export type Variables = Readonly<Record<string, string>>;

/** Who chose a program, and where those run that the VM chose. */
export interface Choice {
  /**
   * Where programs run that the VM chose, or that others than root can change;
   * undefined: they do not run.
   */
  readonly sandbox: Sandbox | undefined;
  /** Whether the operator named the program; if not, the VM chose it. */
  readonly namedByOperator: boolean;
}

/** How a program runs. */
export interface SafeWay {
  /** Where it runs: elsewhere it may print something else. */
  readonly key: string;
  /**
   * Runs it to its end, or ends it.
   *
   * @throws {OsError} when it cannot be started
   * @throws {UpdateProblem} when it may not run, because there is no sandbox
   */
  run(what: Omit<BriefRun, "start">): Promise<BriefEnd>;
}

/** The variables with which a program finds the VM's modules. */
export function moduleVariables(sandbox: Sandbox | undefined): Variables {
  const folder = sandbox?.environment[MODULE_DIR];
  return folder === undefined ? {} : { [MODULE_DIR]: folder };
}

/** How a program runs that finds these variables in its environment. */
export async function safeWay(
  program: string,
  variables: Variables,
  { sandbox, namedByOperator }: Choice,
): Promise<SafeWay> {
  if (Deno.uid() !== 0) return directly(program, variables);
  const own = namedByOperator && variables[MODULE_DIR] === undefined
    ? await rootsOwnProgram(program)
    : undefined;
  if (own !== undefined) return directly(own, variables);
  if (sandbox === undefined) return notAtAll(namedByOperator);
  const start: BriefRun["start"] = (what) => sandbox.start(what);
  return {
    key: sandbox.key,
    run: (what) => runBriefly(program, { ...what, variables, start }),
  };
}

function directly(program: string, variables: Variables): SafeWay {
  return {
    key: "here",
    run: (what) => runBriefly(program, { ...what, variables }),
  };
}

function notAtAll(namedByOperator: boolean): SafeWay {
  const [code, why] = namedByOperator
    ? ["not-roots", "another user than root can change it"]
    : ["vms-choice", "the VM chose it, and nothing runs in its confinement"];
  return {
    key: code,
    run: () => Promise.reject(new UpdateProblem(code, why)),
  };
}

/** What distinguishes a file at a path from one that replaces it. */
export async function fileKey(path: string): Promise<string> {
  const { dev, ino, mtime, size } = await Deno.stat(path);
  return JSON.stringify([dev, ino, mtime, size]);
}

/** Whether a path leads cprctl to the file to which it leads the VM. */
export async function isSameForUs(
  path: string,
  theirs: FileIdentity,
): Promise<boolean> {
  const ours = await findFile(path);
  return ours !== undefined && isSameIdentity(ours.identity, theirs);
}

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;
/** Set-user-ID and set-group-ID. */
const CHANGES_USER = 0o6000;
const ROOT = 0;

/**
 * Whether a program is root's alone: the file and every folder of its path
 * belong to root, and no other user can write them. In a sticky folder, such as
 * /tmp, root's entries are root's alone as well.
 *
 * @returns the path without links, which stays what it is; else undefined
 */
async function rootsOwnProgram(
  program: string,
): Promise<string | undefined> {
  try {
    const path = await Deno.realPath(program);
    const { isFile, mode } = await Deno.lstat(path);
    if (!isFile || ((mode ?? CHANGES_USER) & CHANGES_USER) !== 0) return;
    for (const step of stepsOf(path)) {
      if (!isRootsOwn(await Deno.lstat(step))) return;
    }
    return path;
  } catch (error) {
    // It is about to be another, or may not be looked at.
    if (isHidden(error) || error instanceof Deno.errors.NotADirectory) return;
    throw error;
  }
}

function isRootsOwn({ uid, mode, isDirectory, isSymlink }: Deno.FileInfo) {
  if (uid !== ROOT || mode === null || isSymlink) return false;
  if ((mode & WRITABLE_BY_OTHERS) === 0) return true;
  return isDirectory && (mode & STICKY) !== 0;
}

/** "/", "/usr", "/usr/bin", … */
function stepsOf(path: string): string[] {
  const names = path.split("/").filter((name) => name !== "");
  return names.reduce(
    (steps, name) => [...steps, `${steps.at(-1)?.replace(/^\/$/, "")}/${name}`],
    ["/"],
  );
}
