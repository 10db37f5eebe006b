/**
 * Whether a VM uses its disk images. QEMU activates what it loads when the
 * guest is resumed; a VM that stays paused would leave its images, unlocked, to
 * whoever comes first.
 *
 * @module
 */

import { type Executor, isObject, QmpCommandError } from "../../qmp/mod.ts";
import { asArray } from "./reply.ts";

/**
 * Whether there are block nodes, and each is active. Where a migration has
 * taken the VM away, or brought it and the guest did not run yet, they are not.
 */
export async function hasActiveImages(client: Executor): Promise<boolean> {
  const reply = await client.execute("query-named-block-nodes", { flat: true });
  const nodes = asArray(reply).filter(isObject);
  return nodes.length > 0 && nodes.every((node) => node["active"] === true);
}

/**
 * Opens the images for use, and locks them.
 *
 * @returns what kept it from that, for a person; undefined when all is well
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
