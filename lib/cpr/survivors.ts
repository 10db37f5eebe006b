import { getCloexec } from "../../ffi/fd.ts";
import { fileStatus } from "../../ffi/file_status.ts";
import { CprError } from "./error.ts";
import { checkOpen } from "./handover.ts";
import type { CprDescriptor, CprState } from "./state.ts";

const PAGE_SIZE = 4096;

/** What a table preserves, after a look at every descriptor. */
export interface Survivors {
  readonly descriptors: number;
  /** Of them, memfds: guest RAM. */
  readonly blocks: number;
  /** Bytes of RAM. */
  readonly bytes: number;
}

/**
 * Checks, in the process that executes the new program, that every descriptor
 * of a table is open, will survive the exec, and can be what it is said to be.
 *
 * @throws {CprError} naming the descriptor that is not
 */
export function checkSurvivors(state: CprState): Survivors {
  checkOpen(state);
  const names = new Set(state.descriptors.map(({ name }) => name));
  let blocks = 0;
  let bytes = 0;
  for (const entry of state.descriptors) {
    if (getCloexec(entry.descriptor)) {
      throw wrong(entry, "it is close-on-exec and would not survive");
    }
    const memfd = memfdName(entry.descriptor);
    if (memfd === undefined) checkKind(entry);
    else {
      // Backends share one memfd name; auxiliary RAM has each its own.
      if (memfd !== entry.name && names.has(memfd)) {
        throw wrong(entry, `it is the memfd of "${memfd}"`);
      }
      blocks++;
      bytes += ramSize(entry);
    }
  }
  return { descriptors: state.descriptors.length, blocks, bytes };
}

/** The name that a memfd was created with; undefined for anything else. */
function memfdName(descriptor: number): string | undefined {
  const link = Deno.readLinkSync(`/proc/self/fd/${descriptor}`);
  return /^\/memfd:(.*) \(deleted\)$/s.exec(link)?.[1];
}

function ramSize(entry: CprDescriptor): number {
  const { size } = fileStatus(entry.descriptor);
  if (size > 0 && size % PAGE_SIZE === 0) return size;
  throw wrong(entry, `its memfd has ${size} bytes, which is no RAM`);
}

/** RAM in shared memory files, and vfio's devices and event descriptors. */
function checkKind(entry: CprDescriptor): void {
  const status = fileStatus(entry.descriptor);
  if (status.isDirectory || status.isFifo || status.isSocket) {
    throw wrong(entry, "it is neither memory nor a device");
  }
}

function wrong(entry: CprDescriptor, what: string): CprError {
  return new CprError(
    "cpr-bad-descriptor",
    `Descriptor ${entry.descriptor} cannot be "${entry.name}": ${what}`,
  );
}
