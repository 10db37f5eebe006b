/** The phases on the destination: "load", "verify" and "commit". */

import type { UpdateContext } from "../context.ts";
import { sendCommands } from "../carry/send.ts";
import { Deadline, SETTLE_TIMEOUT_MS, VERIFY_TIMEOUT_MS } from "../deadline.ts";
import { UpdateProblem } from "../error.ts";
import { removeOwnSet } from "../vm/left_open.ts";
import { noteResumption } from "../run/journal.ts";
import { sentAmong } from "../standby/holdings.ts";
import type { Destination } from "../transaction/destination.ts";
import { type Difference, differencesBetween } from "../verify/difference.ts";
import { Fingerprint } from "../verify/fingerprint.ts";
import { hashFirmware } from "../verify/firmware.ts";
import { findingsOf, requireSameVm } from "../verify/verdict.ts";
import { isLive } from "../vm/run_state.ts";
import { restoreTpmPage } from "../vm/tpm_page.ts";

/** Loads the saved state; the VM stays paused. */
export async function load(context: UpdateContext): Promise<void> {
  const { facts, held, plan, system, ready: { state } } = context;
  const destination = destinationOf(context);
  using fresh = system.renewVhost(sentAmong(held.hold.preserved));
  const [lost] = await sendCommands(
    destination.client,
    plan.carried.commands,
    fresh.all,
  );
  if (lost !== undefined) throw new UpdateProblem("not-carried", lost);
  // Compared while the program loads, which changes none of this.
  const fixed = differencesAtStart(context, destination);
  fixed.catch(() => undefined); // awaited in `verify`
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
  const verifying = new Deadline(VERIFY_TIMEOUT_MS);
  const fingerprint = Fingerprint.take(
    destination.client.within(() => verifying.left(context.deadline.left())),
    "loaded",
  );
  fingerprint.catch(() => undefined); // awaited in `verify`
  context.loaded = { placing, fixed, fingerprint };
}

/** Compares what depends only on the program and its command line. */
async function differencesAtStart(
  { held: { fingerprint } }: UpdateContext,
  { client }: Destination,
): Promise<Difference[]> {
  const started = await Fingerprint.take(client, "started", fingerprint);
  return fingerprint.differencesTo(started, ["made"]);
}

/**
 * Compares the VM with what it was on the source.
 *
 * @throws {OtherVmProblem} when the guest would see a difference
 */
export async function verify(context: UpdateContext): Promise<void> {
  const { held, loaded, report } = context;
  // Read while the program answers.
  const firmware = await hashFirmware(held.hold, context.facts.machine);
  const differences = [
    ...await loaded.fixed,
    ...held.fingerprint.differencesTo(await loaded.fingerprint, ["loaded"]),
    ...differencesBetween("Firmware", await held.firmware, firmware),
  ];
  if (report !== undefined) report.differences = findingsOf(differences);
  requireSameVm(differences);
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
  if (context.leftOpen.length > 0) await removeOwnSet(monitor);
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
