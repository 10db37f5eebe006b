/**
 * /proc/PID/fd: the open descriptors of a process, as links to what is open.
 *
 * @module
 */

import { UnreadableError } from "../bounded_file.ts";
import { ifThere, ifThereSync } from "../gone.ts";

/** A VM with hundreds of vCPUs, and queues for each, has some thousands. */
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
