/**
 * Guest RAM in files that have a name: `memory-backend-file` with share=on. It
 * is in no CPR state; the next program opens the file by its name, and takes
 * whatever is there.
 *
 * @module
 */

import { OsError } from "../../../ffi/libc.ts";
import type { Executor } from "../../qmp/mod.ts";
import { ProcessFiles } from "../../proc/process_files.ts";
import {
  type FileIdentity,
  identityAt,
  isSameIdentity,
} from "../../proc/file_identity.ts";
import { asArray, asObject, text } from "./reply.ts";

/** A file that is guest RAM. */
export interface RamFile {
  /** As the VM's process names it. */
  readonly path: string;
  readonly dev: FileIdentity["dev"];
  readonly ino: FileIdentity["ino"];
}

/**
 * The RAMBlocks whose file is at its name, by the block's name. A folder, as
 * hugetlbfs gives memory from, is no such name, nor is one that leads to
 * another file by now.
 */
export async function readRamFiles(
  client: Executor,
  pid: number,
): Promise<Map<string, RamFile>> {
  const objects = asArray(
    await client.execute("qom-list", { path: "/objects" }),
  );
  const files = new ProcessFiles(pid);
  const found = new Map<string, RamFile>();
  for (const object of objects) {
    const { name, type } = asObject(object);
    if (typeof name !== "string" || type !== "child<memory-backend-file>") {
      continue;
    }
    const ask = (property: string) =>
      client.execute("qom-get", { path: `/objects/${name}`, property });
    const path = text(await ask("mem-path"));
    if (path === undefined || await ask("share") !== true) continue;
    const info = await files.stat(path);
    if (info?.isFile !== true || !await files.hasOpen(info)) continue;
    found.set(name, { path, ...info.identity });
  }
  return found;
}

/** Whether the file is still at its name; within the downtime. */
export function isInPlace(pid: number, { path, dev, ino }: RamFile): boolean {
  try {
    const there = identityAt(new ProcessFiles(pid).reach(path));
    return isSameIdentity(there, { dev, ino });
  } catch (error) {
    if (error instanceof OsError) return false;
    throw error;
  }
}
