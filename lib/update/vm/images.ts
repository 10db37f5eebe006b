/**
 * Whether a VM's disk images are active, that is locked. After an incoming
 * migration QEMU activates them when the guest is resumed: while a VM stays
 * paused, another process could lock its images.
 *
 * @module
 */

import { type Executor, QmpCommandError } from "../../qmp/mod.ts";
import { objectsIn } from "./reply.ts";

/**
 * Whether there are block nodes, and all are active. They are not after a
 * migration, on the source, and on a destination whose guest has not run yet.
 */
export async function hasActiveImages(client: Executor): Promise<boolean> {
  const reply = await client.execute("query-named-block-nodes", { flat: true });
  const nodes = objectsIn(reply);
  return nodes.length > 0 && nodes.every((node) => node["active"] === true);
}

/**
 * Activates the images, which locks them.
 *
 * @returns why that failed; undefined on success
 */
export async function activateImages(
  client: Executor,
): Promise<string | undefined> {
  try {
    await client.execute("blockdev-set-active", { active: true });
    return undefined;
  } catch (error) {
    if (!(error instanceof QmpCommandError)) throw error;
    return error.message;
  }
}

/** The warning that says what {@linkcode activateImages} returned. */
export function notLocked(problem: string): string {
  return `The VM's images are not locked until it runs: ${problem}`;
}
