/** What the VM would run on if it were started now. @module */

import { UnreadableError } from "../../bounded_file.ts";
import { ifThere } from "../../gone.ts";
import { fileNameOf } from "../../path.ts";
import type { Executable } from "../../proc/executable.ts";
import { readProcText } from "../../proc/file.ts";
import { findFile, isSameIdentity } from "../../proc/file_identity.ts";
import { parseMaps } from "../../proc/maps.ts";

/** qemu-system-x86_64, qemu-kvm, kvm, qemu; not qemu-img or qemu-ga. */
const QEMU = /^(?:qemu(?:-system-[\w.-]+|-kvm)?|kvm)$/;

/** Whether a path is that of a QEMU, by its file name. */
export function isNamedQemu(path = ""): boolean {
  return QEMU.test(fileNameOf(path));
}

/** The program that a VM would be started with now. */
export interface Successor {
  /** Its path, as the VM sees it. */
  readonly path: string;
  /** Whether a link leads to another file than the one that runs. */
  readonly isOther: boolean;
}

/**
 * The program that the VM would be started with now: the path of the running
 * one or, if QEMU was started through a link, as with versioned installations,
 * that link, so that it can lead to another QEMU later. QEMU also has other
 * defaults by the name `kvm`. If the first word differs from the program for
 * any other reason, a wrapper was used.
 */
export async function successorOf(
  pid: number,
  [word = ""]: readonly string[],
  { path, ...running }: Pick<Executable, "path" | "dev" | "ino">,
): Promise<Successor> {
  const itself = { path, isOther: false };
  const first = await startedAs(pid, word);
  if (first === undefined || first === path || !isNamedQemu(path)) {
    return itself;
  }
  const present = await findFile(`/proc/${pid}/root${first}`);
  // Links are resolved in our root here, so it must have the VM's files.
  const ours = await findFile(first);
  if (
    present === undefined || ours === undefined ||
    !isSameIdentity(ours.identity, present.identity)
  ) return itself;
  const target = await ifThere(Deno.realPath(first));
  if (target === first || !isNamedQemu(target)) return itself;
  return { path: first, isOther: !isSameIdentity(present.identity, running) };
}

/**
 * The absolute path of the first word. QEMU may have left the folder that a
 * relative one was in: then nothing is found there. Undefined for a name that
 * was looked for in PATH.
 */
async function startedAs(
  pid: number,
  word: string,
): Promise<string | undefined> {
  if (word.startsWith("/")) return word;
  if (!word.includes("/")) return undefined;
  const folder = await ifThere(Deno.readLink(`/proc/${pid}/cwd`));
  return folder === undefined ? undefined : normalized(`${folder}/${word}`);
}

/** Without "./" and "//"; ".." is for the system, which follows links. */
function normalized(path: string): string {
  return path.replaceAll(/\/(?:\.?\/)+/g, "/");
}

const LIBRARY = /^(\/.*\.so(?:\.[\w.]+)?) \(deleted\)$/;

/**
 * The libraries in use by a process that were replaced or deleted on disk
 * since, for example by a security update. None if there are too many mappings
 * to read.
 */
export async function replacedLibraries(pid: number): Promise<string[]> {
  let maps: string;
  try {
    maps = await readProcText(pid, "maps");
  } catch (error) {
    if (error instanceof UnreadableError) return [];
    throw error;
  }
  const found = new Set<string>();
  for (const { permissions, path } of parseMaps(maps)) {
    const [, library] = LIBRARY.exec(path) ?? [];
    if (library !== undefined && permissions.includes("x")) found.add(library);
  }
  return [...found];
}
