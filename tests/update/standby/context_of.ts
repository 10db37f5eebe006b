/** The context of a process that a test started. */

import { identify } from "../../../lib/update/process/identity.ts";
import {
  PinnedContext,
  type ProcessContext,
  readContext,
} from "../../../lib/update/standby/process_context.ts";
import { cprctlWords } from "../../../testing/program/program.ts";

/** Of any user's process, where we are root; else of our own. */
export async function contextOf(
  pid: number,
): Promise<{ context: ProcessContext; pinned: PinnedContext }> {
  const opener = { pid, uid: Deno.uid() ?? 0, gid: Deno.gid() ?? 0 };
  const identity = await identify(opener);
  const context = await readContext(identity, cprctlWords());
  return { context, pinned: await PinnedContext.open(identity, context) };
}
