import {
  type CheckContext,
  ok,
  type PreflightCheck,
  refuse,
} from "../check.ts";
import type { Inventory } from "../inventory.ts";
import { quoted } from "../wording.ts";

/**
 * The RAMBlock that firmware is in, in "info ramblock":
 *
 * ```
 * Block Name    PSize              Offset               Used              Total …
 *    pc.bios    4 KiB  0x0000000008000000 0x0000000000040000 0x0000000000040000 …
 * ```
 */
const BLOCK = /^\s*pc\.bios\s+\d+ \S+\s+0x\w+\s+0x\w+\s+(0x\w+)/;

/** A file with the firmware is as large as the VM's: it would not load else. */
export const firmware: PreflightCheck = {
  id: "firmware",
  async run(context) {
    const name = nameOf(context);
    const file = name === undefined
      ? undefined
      : await context.files.stat(name);
    if (name === undefined || file === undefined || !file.isFile) {
      return ok("the firmware is the program's own");
    }
    const size = await liveSize(context.inventory);
    return size === undefined || size === file.size
      ? ok("the firmware is as large as the VM's")
      : refuse(
        `Firmware ${quoted(name)} has ${file.size} bytes, and the VM's has ` +
          `${size}`,
        "Put the file back that the VM was started with",
      );
  },
};

function nameOf({ next }: CheckContext): string | undefined {
  return [...next.all("machine", "firmware"), ...next.texts("bios")].at(-1);
}

/** Undefined where the VM has no such firmware. */
async function liveSize(inventory: Inventory): Promise<number | undefined> {
  for (const line of await inventory.human("info ramblock")) {
    const size = BLOCK.exec(line)?.[1];
    if (size !== undefined) return Number(size);
  }
  return undefined;
}
