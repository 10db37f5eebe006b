/** FIFOs that a shell command writes to. */

import { assert } from "@std/assert";

const TIMEOUT_MS = 10_000;

/**
 * Makes a FIFO.
 *
 * @param command writes to it; "$1" is `operand`
 */
export async function makeFifo(
  path: string,
  command: string,
  operand = "",
): Promise<void> {
  const script = `mkfifo "$0" && ((${command}) > "$0" &)`;
  const { success } = await new Deno.Command("/bin/sh", {
    args: ["-c", script, path, operand],
    stdout: "null",
    stderr: "null",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).output();
  assert(success, `There is no FIFO ${path}`);
}
