/**
 * /proc/PID/fd: the open descriptors of a process, as links to their files.
 *
 * @module
 */

import { UnreadableError } from "../bounded_file.ts";
import { ifThere, ifThereSync } from "../gone.ts";

/** A VM with hundreds of vCPUs, each with its queues, has some thousands. */
export const MAXIMUM_DESCRIPTORS = 16 * 1024;

/**
 * Reads the links, by descriptor.
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
    // Undefined if it was closed after the directory was listed.
    const link = await ifThere(Deno.readLink(`${folder}/${name}`));
    if (link !== undefined) links.set(Number(name), link);
    requireFew(folder, links.size);
  }
  return links;
}

/**
 * The descriptor of a process with a given link; if several have it, the one with
 * the highest number.
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

/** @param count of descriptors; since Linux 6.2 it is the size of the directory */
function requireFew(folder: string, count: number): void {
  if (count <= MAXIMUM_DESCRIPTORS) return;
  const why = `the process has more than ${MAXIMUM_DESCRIPTORS} descriptors`;
  throw new UnreadableError(folder, why);
}
