/**
 * Guest RAM in named files: `memory-backend-file` with share=on. It is not in
 * CPR state: the destination opens the file by its name, and uses whatever is
 * there.
 *
 * @module
 */

import { ifPossible } from "../../../ffi/libc.ts";
import type { Executor } from "../../qmp/mod.ts";
import { ProcessFiles } from "../../proc/process_files.ts";
import {
  type FileIdentity,
  identityAt,
  isSameIdentity,
} from "../../proc/file_identity.ts";
import { ifKnown, text } from "./reply.ts";
import { childrenOf, peripherals } from "./peripherals.ts";

/** A file that is guest RAM. */
export interface RamFile {
  /** As the VM sees it. */
  readonly path: string;
  readonly dev: FileIdentity["dev"];
  readonly ino: FileIdentity["ino"];
}

const ON_FILE = /^child<memory-backend-file>$/;

/**
 * The files of RAMBlocks, by the block's name. Without those in a directory,
 * such as hugetlbfs, which have no name, and those whose path leads to another
 * file now.
 */
export async function readRamFiles(
  client: Executor,
  pid: number,
): Promise<Map<string, RamFile>> {
  const files = new ProcessFiles(pid);
  const found = new Map<string, RamFile>();
  for (const backend of await childrenOf(client, "/objects", "type", ON_FILE)) {
    const ask = (property: string) =>
      client.execute("qom-get", { path: backend, property });
    const path = text(await ask("mem-path"));
    if (path === undefined || await ask("share") !== true) continue;
    const info = await files.stat(path);
    if (info?.isFile !== true || !await files.hasOpen(info)) continue;
    found.set(backend.slice("/objects/".length), { path, ...info.identity });
  }
  return found;
}

/** Whether the file still has its name; runs within the downtime. */
export function isInPlace(pid: number, file: RamFile): boolean {
  const path = new ProcessFiles(pid).reach(file.path);
  const there = ifPossible(() => identityAt(path));
  return there !== undefined && isSameIdentity(there, file);
}

/** On a virtio bus, or as a PCI device. */
const VIRTIO_MEM = /^child<virtio-mem(-pci)?>$/;
/** The QOM path of a memory backend from -object, with its id. */
const BACKEND = /^\/objects\/([^/]+)$/;

/**
 * The ids of the memory backends of virtio-mem devices. Such a RAMBlock has two
 * names: the migration stream has the device's path before the id, as in
 * "0000:00:02.0/vmm", while CPR state has the id alone.
 */
export async function readDeviceMemory(
  client: Executor,
): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  for (const path of await peripherals(client, VIRTIO_MEM)) {
    const backend = client.execute("qom-get", { path, property: "memdev" });
    const id = BACKEND.exec(text(await ifKnown(backend)) ?? "")?.[1];
    if (id !== undefined) found.add(id);
  }
  return found;
}

/**
 * The memory backend of a RAMBlock.
 *
 * @param block as the stream names it
 * @param all the RAMBlocks that the stream lists
 * @param backends the ids of {@linkcode readDeviceMemory}
 * @returns undefined if there is none, or the name is ambiguous
 */
export function backendOf(
  block: string,
  all: readonly { readonly name: string }[],
  backends: ReadonlySet<string>,
): string | undefined {
  const slash = block.lastIndexOf("/");
  const id = block.slice(slash + 1);
  if (slash <= 0 || !backends.has(id)) return undefined;
  const namesakes = all.filter(({ name }) =>
    name === id || name.endsWith(`/${id}`)
  );
  return namesakes.length === 1 ? id : undefined;
}
