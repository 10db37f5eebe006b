/**
 * Checks the descriptors that a new program will inherit, in the process that
 * executes it.
 *
 * ```
 *   an entry's descriptor is                       RAM        not RAM
 *   ──────────────────────────────────────────    ───────    ─────────
 *   closed, or close-on-exec                       broken     broken
 *   an empty memfd                                 broken     broken
 *   a directory, FIFO, socket, eventfd, epoll …    broken     doubt
 *   a memfd of another name, read-only, not of     doubt      doubt
 *     whole pages, with an id; a file or device
 *     that QEMU does not preserve
 *   what QEMU preserves                            good       good
 * ```
 *
 * An entry does not tell what its descriptor is. It is certainly RAM if the
 * command has a memory backend of that name, or only RAM has such a name.
 *
 * @module
 */

import { descriptorIsOpen, getCloexec, isWritable } from "../../ffi/fd.ts";
import { type FileStatus, fileStatus } from "../../ffi/file_status.ts";
import { CprError, notOpen } from "./error.ts";
import type { CprDescriptor, ForeignCprState } from "./state.ts";

const PAGE_SIZE = 4096;

/** The name of every memfd of memory-backend-memfd. */
const BACKEND_MEMFD = "memory-backend-memfd";
/** Files with RAM: memory-backend-shm, and huge pages. */
const MEMORY_FILES = /^\/dev\/(?:shm|hugepages)\//;
/** Devices that QEMU preserves, newer ones included. */
const DEVICES = /^\/dev\/(?:vfio\/.*|iommu|net\/tun|vhost-.*)$/;
/** Other descriptors of vfio. */
const ANONYMOUS = /^anon_inode:\[(?:eventfd|vfio.*)\]$/;
/** Names of RAMBlocks without a memory backend. */
const RAM_NAMES = /^\/rom@|\.(?:aux|bios|ram|rom|vram)$/;

/** The result of the check. */
export interface Survivors {
  readonly descriptors: number;
  /** How many of them are memory. */
  readonly blocks: number;
  /** Bytes of memory. */
  readonly bytes: number;
  /** What is unusual and may still be right. */
  readonly doubts: readonly string[];
}

/**
 * Checks every descriptor of a table.
 *
 * @param command the command that will be executed
 * @throws {CprError} naming a descriptor that is certain to be broken
 */
export function lookAtSurvivors(
  { descriptors, oddity }: ForeignCprState,
  command: readonly string[],
): Survivors {
  const doubts = oddity === undefined ? [] : [oddity];
  const owners = new Map<number, string>();
  const words = command.join(" ");
  let blocks = 0;
  let bytes = 0;
  for (const entry of descriptors) {
    checkSurvives(entry);
    const { name, descriptor } = entry;
    const doubt = (what: string) =>
      doubts.push(`descriptor ${descriptor} of ${quoted(name)} ${what}`);
    const owner = owners.get(descriptor);
    if (owner !== undefined) doubt(`is that of ${quoted(owner)} too`);
    owners.set(descriptor, name);
    try {
      const size = memorySize(entry, isRam(entry, words), doubt);
      if (size === undefined) continue;
      blocks++;
      bytes += size;
    } catch (error) {
      if (error instanceof CprError) throw error;
      doubt(`cannot be examined: ${error}`);
    }
  }
  return { descriptors: descriptors.length, blocks, bytes, doubts };
}

/** Checks that the descriptor is open, and stays open over the next exec. */
function checkSurvives(entry: CprDescriptor): void {
  const { name, id, descriptor } = entry;
  if (descriptor < 0 || !descriptorIsOpen(descriptor)) {
    throw notOpen(descriptor, quoted(name), id);
  }
  if (getCloexec(descriptor)) {
    throw broken(entry, "it is close-on-exec and would not survive");
  }
}

function isRam({ name, id }: CprDescriptor, words: string): boolean {
  if (id !== 0) return false;
  const escaped = RegExp.escape(name);
  const backend = new RegExp(
    `memory-backend-(?:[^ ]|(?<=[,:]) )*\\bid(?:=|": *")${escaped}(?:[," ]|$)`,
  );
  return RAM_NAMES.test(name) || backend.test(words);
}

/** The size of a memory descriptor in bytes; undefined for any other. */
function memorySize(
  entry: CprDescriptor,
  isRam: boolean,
  doubt: (what: string) => void,
): number | undefined {
  const link = Deno.readLinkSync(`/proc/self/fd/${entry.descriptor}`);
  const status = fileStatus(entry.descriptor);
  const memfd = /^\/memfd:(.*) \(deleted\)$/s.exec(link)?.[1];
  if (
    memfd === undefined && (!status.isFile || link.startsWith("anon_inode"))
  ) {
    lookAtOther(entry, { link, status, isRam }, doubt);
    return undefined;
  }
  if (memfd === undefined && !MEMORY_FILES.test(link)) {
    doubt(`is the file ${quoted(link)}`);
    if (!isRam) return undefined;
  } else if (
    memfd !== undefined && memfd !== entry.name && memfd !== BACKEND_MEMFD
  ) doubt(`is the memfd ${quoted(memfd)}`);
  if (status.size === 0 && (isRam || memfd !== undefined)) {
    throw broken(entry, "it is empty, so it is not RAM");
  }
  if (status.size === 0 || status.size % PAGE_SIZE !== 0) {
    doubt(`has ${status.size} bytes`);
  }
  if (!isWritable(entry.descriptor)) doubt("is read-only");
  if (entry.id !== 0) doubt(`has id ${entry.id}, but RAM has id 0`);
  return status.size;
}

function lookAtOther(
  entry: CprDescriptor,
  { link, status, isRam }: {
    readonly link: string;
    readonly status: FileStatus;
    readonly isRam: boolean;
  },
  doubt: (what: string) => void,
): void {
  const isUsual = status.isCharacterDevice ? DEVICES : ANONYMOUS;
  if (isRam && !status.isCharacterDevice) {
    throw broken(entry, `it is ${quoted(link)}, not memory`);
  }
  if (isRam || !isUsual.test(link)) doubt(`is ${quoted(link)}`);
}

function broken({ name, descriptor }: CprDescriptor, what: string): CprError {
  return new CprError(
    "cpr-bad-descriptor",
    `Descriptor ${descriptor} cannot be ${quoted(name)}: ${what}`,
  );
}

/** In one line, whatever characters a name or a path has. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
