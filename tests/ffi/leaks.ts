/**
 * A test that leaves a descriptor open fails.
 *
 * @module
 */

import { AssertionError } from "@std/assert";
import { openDescriptors } from "../../testing/program/descriptors.ts";

/** How long the runtime may take to close what it closes on other threads. */
const SETTLE_MS = 5000;

/**
 * Runs a test and checks that every descriptor it opened is closed.
 *
 * The runtime opens descriptors of its own when it first needs them (an epoll
 * set, a signal pipe) and keeps them. So where the first run leaves something
 * open the test is run again: what is opened once is the runtime's, what is
 * opened every time is a leak. Do not run test files with `--parallel`: the
 * descriptors are those of the whole process.
 *
 * @throws {AssertionError} naming the descriptors that stayed open.
 */
export async function withoutLeaks(
  test: () => void | Promise<void>,
): Promise<void> {
  if ((await openedBy(test)).length === 0) return;
  const leaked = await openedBy(test);
  if (leaked.length > 0) {
    throw new AssertionError(`Descriptors leaked: ${leaked.join(", ")}`);
  }
}

/** Registers a test that {@link withoutLeaks} runs. */
export function testWithoutLeaks(
  name: string,
  test: () => void | Promise<void>,
): void {
  Deno.test(name, () => withoutLeaks(test));
}

/** Descriptors that are open after the test and were not before. */
async function openedBy(test: () => void | Promise<void>): Promise<string[]> {
  const before = descriptors();
  await test();
  const deadline = Date.now() + SETTLE_MS;
  for (;;) {
    const opened = [...descriptors()].filter(([number]) => !before.has(number));
    if (!opened.some(mayStillClose) || Date.now() > deadline) {
      return opened.map(([number, target]) => `${number} (${target})`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** Files are closed at once, what is waited for when the wait has ended. */
function mayStillClose([_number, target]: [number, string]): boolean {
  return /^(socket|pipe|anon_inode):/.test(target);
}

/** Number and target of each open descriptor. */
function descriptors(): Map<number, string> {
  return new Map(openDescriptors(Deno.pid).map((it) => [it.number, it.target]));
}
