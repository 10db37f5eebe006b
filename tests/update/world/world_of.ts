/** The world of a process that a test started. */

import { identify } from "../../../lib/update/process/identity.ts";
import { Anchors } from "../../../lib/update/world/anchors.ts";
import { readWorld, type World } from "../../../lib/update/world/world.ts";
import { cprctlWords } from "../../program/program.ts";

/** Of any user's process, where we are root; else of our own. */
export async function worldOf(
  pid: number,
): Promise<{ world: World; anchors: Anchors }> {
  const opener = { pid, uid: Deno.uid() ?? 0, gid: Deno.gid() ?? 0 };
  const identity = await identify(opener);
  const world = await readWorld(identity, cprctlWords());
  return { world, anchors: await Anchors.open(identity, world) };
}
