import {
  type FileLock,
  lockedAs,
  readLocks,
} from "../../process/file_locks.ts";
import { ProcessFiles } from "../../process/files.ts";
import { text } from "../../vm/reply.ts";
import { ok, type PreflightCheck, refuse } from "../check.ts";
import { joined, quoted } from "../wording.ts";
import { fileUnder } from "./image_name.ts";
import { forEachLine, TABLE_TIMEOUT_MS } from "../../../bounded_file.ts";

/**
 * QEMU's bytes for "I write" and for "nobody else may": each permission has a
 * byte from 100 on, each that is denied to others one from 200 on
 * (block/file-posix.c).
 */
const BYTES = [101, 201];
/**
 * The kernel lists locks in pieces: where others come and go meanwhile, one may
 * be there twice. It would have to be so every time.
 */
const LOOKS = 3;

/**
 * Nobody else has an image locked that the VM writes to. A VM that is paused
 * may have no lock itself, and the new program would not get one.
 */
export const imageLocks: PreflightCheck = {
  id: "image-locks",
  async run({ facts: { pid }, inventory, files }) {
    const images = new Map<string, string>();
    const nodes = await inventory.list("query-named-block-nodes", {
      flat: true,
    });
    for (const node of nodes) {
      if (node["drv"] !== "file" || node["ro"] === true) continue;
      const name = fileUnder(text(node["file"]) ?? "");
      const file = name === undefined ? undefined : await files.stat(name);
      if (name !== undefined && file !== undefined) {
        images.set(lockedAs(file), name);
      }
    }
    let foreign = await foreignLocks(images, pid);
    for (let look = 1; look < LOOKS && foreign.size > 0; look++) {
      foreign = foreign.intersection(await foreignLocks(images, pid));
    }
    return foreign.size === 0 ? ok("nobody else has an image locked") : refuse(
      joined([...foreign].map((it) => `Another has locked ${quoted(it)}`)),
      "End the program that uses the image: lsof names it",
    );
  },
};

/**
 * The names of images that are locked by another process at this moment.
 *
 * @param images their names, by the file as a lock has it
 */
async function foreignLocks(
  images: ReadonlyMap<string, string>,
  pid: number,
): Promise<Set<string>> {
  const own = (await new ProcessFiles(pid).locks()).map(asText);
  const foreign = new Set<string>();
  await forEachLine("/proc/locks", (line) => {
    const [lock] = readLocks(line);
    if (lock === undefined) return;
    const name = images.get(lock.file);
    if (name === undefined) return;
    const at = own.indexOf(asText(lock));
    if (at >= 0) own.splice(at, 1);
    else if (BYTES.some((it) => lock.first <= it && it <= lock.last)) {
      foreign.add(name);
    }
  }, TABLE_TIMEOUT_MS);
  return foreign;
}

function asText(lock: FileLock): string {
  return `${lock.file} ${lock.first} ${lock.last}`;
}
