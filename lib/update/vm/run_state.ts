/** Run states, as they are told to a person. */

import type { VmRecord } from "./facts.ts";

/** Where QEMU leaves a VM that was paused when the exec failed. */
const AFTER_FAILED_EXEC = "postmigrate";

/**
 * How a VM that was not running stands now, after "the VM": it is as it was,
 * whatever QEMU calls it.
 */
export function standsStill(
  state: string | undefined,
  { runState }: Pick<VmRecord, "runState">,
): string {
  return state === AFTER_FAILED_EXEC && state !== runState
    ? `stands still, as it was, and QEMU calls it "${state}" instead of ` +
      `"${runState}" until it has run`
    : `is ${state}`;
}
