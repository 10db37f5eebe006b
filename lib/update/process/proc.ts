/**
 * What /proc says of another process. The process may end at any moment, and
 * what it says of itself (its command line) it may have written itself.
 *
 * @module
 */

import type { FileStatus } from "../../../ffi/file_status.ts";
import { foreignStatus } from "../../../ffi/foreign_file.ts";
import { ifThere, ifThereSync, isGone } from "../../gone.ts";
import {
  answered,
  readBeginning,
  readWhole,
  readWholeText,
  UnreadableError,
} from "../../bounded_file.ts";

/**
 * Of words or variables: the kernel takes 2 MiB at most where nothing was set
 * otherwise, QEMU is started with some KiB. A process can say that they are
 * gigabytes.
 */
export const MAXIMUM_WORDS = 1024 * 1024;
const MAXIMUM_WORD_COUNT = 16 * 1024;
/** The kernel lets a process have 65530 mappings, each a line. */
export const MAXIMUM_MAPS = 16 * 1024 * 1024;
/** Of any other file. */
const MAXIMUM_FILE = 4 * 1024 * 1024;

/** A VM with hundreds of vCPUs, and queues for each, has some thousands. */
export const MAXIMUM_DESCRIPTORS = 16 * 1024;

/** Identifies an executable file, whatever its path says. */
export interface Executable {
  /** Path at the time of its start, in the process's own view. */
  readonly path: string;
  /** The file is gone from that path, or another one is there now. */
  readonly replaced: boolean;
  readonly dev: FileIdentity["dev"];
  readonly ino: FileIdentity["ino"];
}

/**
 * Which file it is. Decimal text: an inode may have 64 bits, as on an overlay
 * or on NFS, and two that differ must not be rounded to one.
 */
export interface FileIdentity {
  readonly dev: string;
  readonly ino: string;
}

/**
 * A file of a process.
 *
 * @param name such as "status"
 * @throws {UnreadableError} when there is no end of it, or it does not come
 */
export async function readProcText(
  pid: number | "self",
  name: string,
  limit = MAXIMUM_FILE,
): Promise<string> {
  return await readWholeText(`/proc/${pid}/${name}`, limit);
}

/** The words of a process's command line. */
export async function readCommandLine(pid: number): Promise<string[]> {
  const { words, whole } = await beginCommandLine(pid);
  if (whole) return words;
  const why =
    `it has more than ${MAXIMUM_WORDS} bytes, or ${MAXIMUM_WORD_COUNT} words`;
  const path = `/proc/${pid}/cmdline`;
  throw new UnreadableError(path, why);
}

/** As much of the words as no command line exceeds, and whether that is all. */
export async function beginCommandLine(
  pid: number,
): Promise<{ words: string[]; whole: boolean }> {
  const path = `/proc/${pid}/cmdline`;
  const { bytes, whole } = await readBeginning(path, MAXIMUM_WORDS);
  const words = wordsIn(bytes);
  return {
    words: words.slice(0, MAXIMUM_WORD_COUNT),
    whole: whole && words.length <= MAXIMUM_WORD_COUNT,
  };
}

function wordsIn(bytes: Uint8Array): string[] {
  const words = new TextDecoder().decode(bytes).split("\0");
  words.pop(); // the last word ends with a NUL as well
  return words;
}

/** The environment of a process at its start: a NUL after each variable. */
export async function readEnvironment(pid: number): Promise<string> {
  return await readWholeText(`/proc/${pid}/environ`, MAXIMUM_WORDS);
}

/** Entries of the auxiliary vector: who executed the program, and as whom. */
const AT = { uid: 11n, euid: 12n, gid: 13n, egid: 14n } as const;
const MAXIMUM_AUXV = 16 * 1024;

/**
 * Whether the program that a process executes is a set-user-ID or set-group-ID
 * one that changed its user or group: the kernel noted both for the program's
 * loader when it began. AT_SECURE is no sign of it: a security label that an exec
 * changes sets it as well.
 */
export async function hasSetIds(pid: number): Promise<boolean> {
  const path = `/proc/${pid}/auxv`;
  const { buffer, byteLength } = await readWhole(path, MAXIMUM_AUXV);
  const words = new BigUint64Array(buffer, 0, Math.floor(byteLength / 8));
  const value = (type: bigint) =>
    words.find((_, at) => at % 2 === 1 && words[at - 1] === type);
  return value(AT.uid) !== value(AT.euid) || value(AT.gid) !== value(AT.egid);
}

/** The file that a process executes. */
export async function readExecutable(pid: number): Promise<Executable> {
  const link = `/proc/${pid}/exe`;
  const [path] = await Promise.all([
    Deno.readLink(link),
    answered(link, Deno.stat(link)),
  ]);
  const plain = path.replace(/ \(deleted\)$/, "");
  const { dev, ino } = identityAt(link);
  // The process may have other mounts than we.
  const present = `/proc/${pid}/root${plain}`;
  return {
    path: plain,
    dev,
    ino,
    replaced: !await isFile(present, { dev, ino }),
  };
}

/** @throws {OsError} */
export function identityAt(path: string): FileIdentity {
  return identityOf(foreignStatus(path, { followLink: true }));
}

/** Device and inode of an open file. */
export function identityOf(
  { dev, ino }: Pick<FileStatus, "dev" | "ino">,
): FileIdentity {
  return { dev: `${dev}`, ino: `${ino}` };
}

export function isSameIdentity(a: FileIdentity, b: FileIdentity): boolean {
  return a.dev === b.dev && a.ino === b.ino;
}

async function isFile(path: string, file: FileIdentity): Promise<boolean> {
  try {
    await answered(path, Deno.stat(path));
    return isSameIdentity(identityAt(path), file);
  } catch (error) {
    if (isGone(error)) return false;
    if (error instanceof Deno.errors.NotADirectory) return false;
    throw error;
  }
}

/**
 * When a process began, in clock ticks since the host's boot. Together with
 * the pid it names a process for good: pids are used again.
 */
export async function readStartTime(pid: number): Promise<string> {
  const [startTime = ""] = await readStat(pid, [22]);
  return startTime;
}

/** The addresses in /proc/PID/stat. */
const IMAGE = [26, 27, 28, 45, 46, 48, 49, 50, 51];

/**
 * Where a process has its program, stack, words and environment: an exec lays
 * them out anew, and nothing else does.
 */
export function readImage(pid: number): string {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  return fieldsOf(stat, pid, IMAGE).join(" ");
}

/**
 * What a process does, as a letter ("T": a signal stopped it), and what
 * {@linkcode readImage} tells; undefined where it has ended.
 */
export async function readStateAndImage(
  pid: number,
): Promise<{ state: string; image: string } | undefined> {
  const fields = await ifThere(readStat(pid, [3, ...IMAGE]));
  if (fields === undefined) return undefined;
  const [state = "", ...image] = fields;
  return { state, image: image.join(" ") };
}

/** The parent of a process; undefined where it has ended. */
export async function readParent(pid: number): Promise<number | undefined> {
  const fields = await ifThere(readStat(pid, [4]));
  return fields && Number(fields[0]);
}

/** Fields of /proc/PID/stat, by their numbers in proc(5). */
async function readStat(
  pid: number,
  numbers: readonly number[],
): Promise<string[]> {
  return fieldsOf(await readProcText(pid, "stat"), pid, numbers);
}

function fieldsOf(
  stat: string,
  pid: number,
  numbers: readonly number[],
): string[] {
  // The second field, the name, may contain anything but ends with the last ")".
  const fields = stat.slice(stat.lastIndexOf(")") + 2).trimEnd().split(" ");
  return numbers.map((number) => {
    const field = fields[number - 3];
    if (field !== undefined) return field;
    throw new Error(`Cannot read field ${number} of /proc/${pid}/stat`);
  });
}

/** Effective user and group of a process. */
export async function readOwner(
  pid: number,
): Promise<{ uid: number; gid: number }> {
  const { uid, gid } = await Deno.stat(`/proc/${pid}`);
  return { uid: uid ?? 0, gid: gid ?? 0 };
}

/**
 * The symbolic links in /proc/PID/fd, by descriptor.
 *
 * @throws {UnreadableError} when a process has more than a VM can have
 */
export async function readDescriptors(
  pid: number,
): Promise<Map<number, string>> {
  const folder = `/proc/${pid}/fd`;
  requireFew(folder, (await Deno.stat(folder)).size);
  const links = new Map<number, string>();
  for await (const { name } of Deno.readDir(folder)) {
    // Undefined: closed between the listing and the reading.
    const link = await ifThere(Deno.readLink(`${folder}/${name}`));
    if (link !== undefined) links.set(Number(name), link);
    requireFew(folder, links.size);
  }
  return links;
}

/**
 * The descriptor that is this in a process, the youngest first: a quick look.
 *
 * @param link such as "/memfd:name (deleted)"
 * @throws {UnreadableError} when a process has more than a VM can have
 */
export function findDescriptor(pid: number, link: string): number | undefined {
  const folder = `/proc/${pid}/fd`;
  requireFew(folder, Deno.statSync(folder).size);
  const numbers = [...Deno.readDirSync(folder)]
    .map(({ name }) => Number(name))
    .sort((a, b) => b - a);
  requireFew(folder, numbers.length);
  return numbers.find((number) =>
    ifThereSync(() => Deno.readLinkSync(`${folder}/${number}`)) === link
  );
}

/** @param count the folder's size tells it, since Linux 6.2 */
function requireFew(folder: string, count: number): void {
  if (count <= MAXIMUM_DESCRIPTORS) return;
  const why = `the process has more than ${MAXIMUM_DESCRIPTORS} descriptors`;
  throw new UnreadableError(folder, why);
}
