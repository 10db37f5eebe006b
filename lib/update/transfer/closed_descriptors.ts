/**
 * When a PCI device is unplugged, QEMU leaves the descriptor of its ROM in CPR
 * state, and closes it. A cpr-transfer then fails to send that descriptor, at
 * which QEMU 11.1 ends with a segmentation fault: the VM would be lost. So the
 * source gets /dev/null in the place of every descriptor that may have been
 * closed; the new program has no use for what it is sent.
 *
 * @module
 */

import { Fd } from "../../../ffi/fd.ts";
import { O_RDWR } from "../../../ffi/open_flags.ts";
import { readDescriptors } from "../../proc/descriptors.ts";
import { readStatus } from "../../proc/status.ts";
import type { Executor } from "../../qmp/mod.ts";
import { ifKnown } from "../vm/reply.ts";

/**
 * Closed descriptors are looked for up to this far above the highest open one.
 */
const ABOVE_HIGHEST = 64;

const nameOf = (number: number) => `cprctl-filler-${number}`;

/**
 * How many descriptors a process may have closed. Its table never shrinks, and
 * may have been inherited from a process that had more.
 */
export async function countClosed(pid: number): Promise<number> {
  const { descriptorSlots } = await readStatus(pid);
  const open = [...(await readDescriptors(pid)).keys()];
  const end = Math.min(descriptorSlots, Math.max(...open) + 1 + ABOVE_HIGHEST);
  return end - open.length;
}

/** Opens that many. A new descriptor gets the lowest free number. */
export async function fillClosed(
  source: Executor,
  count: number,
): Promise<void> {
  using nothing = Fd.open("/dev/null", O_RDWR);
  for (let number = 0; number < count; number++) {
    // One at a time: QEMU keeps only the descriptors of the last message.
    await source.execute("getfd", { fdname: nameOf(number) }, {
      descriptors: [nothing.number],
    });
  }
}

/** Closes them again, up to the first one that is not there. */
export async function closeFillers(
  source: Executor,
  count = Infinity,
): Promise<void> {
  for (let number = 0; number < count; number++) {
    const fdname = nameOf(number);
    const closed = await ifKnown(source.execute("closefd", { fdname }));
    if (closed === undefined) return;
  }
}
