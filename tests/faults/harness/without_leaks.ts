/** Descriptors that an update must not leave open in this process. */

import { assertEquals } from "@std/assert";
import { openDescriptors } from "../../../testing/program/descriptors.ts";

const SETTLE_MS = 10_000;

/** Runs something that must leave this process with what it had open. */
export async function withoutLeaks<T>(run: () => Promise<T>): Promise<T> {
  openSignalSockets();
  const before = openHere();
  const result = await run();
  const opened = () => [...openHere()].filter((it) => !before.has(it));
  const deadline = performance.now() + SETTLE_MS;
  while (opened().length > 0 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assertEquals(opened(), [], "Descriptors leaked");
  return result;
}

/** The runtime opens a pair of sockets for the first signal that it awaits. */
function openSignalSockets(): void {
  const nothing = () => {};
  Deno.addSignalListener("SIGUSR2", nothing);
  Deno.removeSignalListener("SIGUSR2", nothing);
}

/** "number target" of what this process has open, less the runtime's own. */
function openHere(): Set<string> {
  return new Set(
    openDescriptors(Deno.pid).map(({ number, target }) => `${number} ${target}`)
      .filter((it) => !/ anon_inode:\[event(fd|poll)\]/.test(it)),
  );
}
