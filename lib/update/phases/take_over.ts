/** The phases on the destination: "load", "verify" and "commit". */

import type { UpdateContext } from "../context.ts";
import { UpdateProblem } from "../error.ts";
import { noteResumption } from "../run/journal.ts";
import type { Destination } from "../transaction/destination.ts";
import { PciDevices } from "../vm/pci_devices.ts";
import { isLive } from "../vm/run_state.ts";
import { SETTLE_TIMEOUT_MS } from "../timeouts.ts";

/** Loads the saved state; the VM stays paused. */
export async function load(context: UpdateContext): Promise<void> {
  const { facts, system, ready: { state } } = context;
  const destination = destinationOf(context);
  if (state.restore()) {
    context.warn(
      "The state file was altered while the new program started; it was " +
        "written anew from what the old program had saved",
    );
  }
  const loading = destination.load(`file:${state.path}`);
  // Its questions are on the way while the program loads.
  const placing = system.restoreThreads(
    destination.client,
    facts.pid,
    facts.threads,
  );
  placing.catch(() => undefined); // heard in the commit, if the state is loaded
  await loading;
  const devices = PciDevices.take(destination.client);
  devices.catch(() => undefined); // heard in the next phase
  context.loaded = { placing, devices };
}

/** Compares what the guest sees with what it saw on the source. */
export async function verify(context: UpdateContext): Promise<void> {
  context.held.devices.requireSame(await context.loaded.devices);
}

/**
 * Lets the guest run if it ran before: the point of no return. Then gives back
 * the settings, and looks once more whether the program lasts.
 */
export async function commit(context: UpdateContext): Promise<void> {
  const { clock, facts, held, ready: { directory, settings } } = context;
  const destination = destinationOf(context);
  const warnings = await context.loaded.placing;
  if (isLive(facts)) {
    noteResumption(directory);
    context.resume = await destination.resume();
    context.urgency.end();
  } else {
    const problem = await destination.stay(facts);
    if (problem !== undefined) throw imagesTaken(problem);
  }
  destination.client.deadline = performance.now() + SETTLE_TIMEOUT_MS;
  warnings.push(...await settings.giveAll(destination.client));
  clock.end();
  await destination.requireLasting();
  context.pidAfter = facts.pid;
  context.warn(...warnings);
  held.connections.end();
}

function destinationOf({ destination }: UpdateContext): Destination {
  if (destination === undefined) throw new Error("No program took over");
  return destination;
}

function imagesTaken(problem: string): UpdateProblem {
  return new UpdateProblem(
    "images-taken",
    `The new program cannot use the VM's images: ${problem}`,
  );
}
