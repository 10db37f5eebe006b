/** The phases on the destination: "load", "verify" and "commit". */

import type { UpdateContext } from "../context.ts";
import { Deadline, SETTLE_TIMEOUT_MS } from "../deadline.ts";
import { UpdateProblem } from "../error.ts";
import { noteResumption } from "../run/journal.ts";
import type { Destination } from "../transaction/destination.ts";
import { PciDevices } from "../vm/pci_devices.ts";
import { isLive } from "../vm/run_state.ts";
import { restoreTpmPage } from "../vm/tpm_page.ts";

/** Loads the saved state; the VM stays paused. */
export async function load(context: UpdateContext): Promise<void> {
  const { facts, system, ready: { state } } = context;
  const destination = destinationOf(context);
  if (state.restore()) {
    context.warn(
      "The state file was altered while the new program started; it was " +
        "rewritten with what the old program had saved",
    );
  }
  const loading = destination.load(`file:${state.path}`);
  // These queries are sent while the program loads.
  const placing = system.restoreThreads(
    destination.client,
    facts.pid,
    facts.threads,
  );
  placing.catch(() => undefined); // awaited in `commit`, if the load succeeds
  await loading;
  const problem = await restoreTpmPage(destination.client, facts);
  if (problem !== undefined) throw new UpdateProblem("tpm-page", problem);
  const devices = PciDevices.take(destination.client);
  devices.catch(() => undefined); // awaited in `verify`
  context.loaded = { placing, devices };
}

/** Compares what the guest sees with what it saw on the source. */
export async function verify(context: UpdateContext): Promise<void> {
  context.held.devices.requireSame(await context.loaded.devices);
}

/**
 * Resumes the guest if it ran before: the point of no return. Then restores the
 * settings, and makes sure that the program still runs the VM.
 */
export async function commit(context: UpdateContext): Promise<void> {
  const { clock, facts, held, ready: { directory, settings } } = context;
  const destination = destinationOf(context);
  const warnings = await context.loaded.placing;
  if (isLive(facts)) {
    noteResumption(directory);
    context.urgency?.endBoost();
    context.resume = await destination.resume();
    context.urgency?.end();
  } else {
    const problem = await destination.keepStopped(facts);
    if (problem !== undefined) throw imagesTaken(problem);
  }
  const settling = new Deadline(SETTLE_TIMEOUT_MS);
  const monitor = destination.client.within(() => settling.left());
  warnings.push(...await settings.restoreAll(monitor));
  clock.end();
  await destination.requireStable();
  context.pidAfter = facts.pid;
  context.warn(...warnings);
  held.connections.end();
}

function destinationOf({ destination }: UpdateContext): Destination {
  if (destination === undefined) throw new Error("There is no destination");
  return destination;
}

function imagesTaken(problem: string): UpdateProblem {
  return new UpdateProblem(
    "images-taken",
    `The new program cannot use the VM's images: ${problem}`,
  );
}
