/** The phases on the source that stop the guest and move the VM. */

import { attachQueue } from "../../../ffi/tap_queue.ts";
import { sentDescriptors } from "../carry/carried.ts";
import type { UpdateContext } from "../context.ts";
import { noteQueue } from "../run/journal.ts";
import { HeldConnections, MonitorQueue } from "../transaction/connections.ts";
import { STDERR, StderrTail } from "../transaction/stderr_tail.ts";
import { vcpuThreads } from "../process/threads.ts";
import { Fingerprint } from "../verify/fingerprint.ts";
import { hashFirmware } from "../verify/firmware.ts";
import { isInPlace } from "../vm/ram.ts";
import { readTpmPage, TPM_BLOCK } from "../vm/tpm_page.ts";
import { userConnections } from "../vm/user_connections.ts";
import { keepState } from "./keep_state.ts";

/** Stops the guest; the source saves everything before the devices. */
export async function migrate(context: UpdateContext): Promise<void> {
  const { client, system, ready: { source, state } } = context;
  await source.requireMovable();
  context.clock.ignoreObserverErrors();
  context.touched = true;
  const { pid, threads } = context.facts;
  context.urgency = context.use(system.urgency(pid, vcpuThreads(threads)));
  const migrating = source.migrate(`file:${state.path}`);
  // Sent right behind it: the replies come while the program saves.
  const fingerprint = awaitedLater(Fingerprint.take(client, "stopped"));
  const connections = userConnections(client).catch(() => []); // optional
  await migrating;
  context.noteDowntime();
  // The guest or a client may have changed the run state since the checks.
  context.facts = { ...context.facts, ...source.before };
  context.pending = { fingerprint, connections };
}

/**
 * Duplicates the VM's descriptors into this process and the standby: from here
 * on the RAM outlives the VM's process. Then the last checks: the process is
 * still the same, no client changed the VM, and no RAMBlock would be lost.
 * Finally attaches the tap queues that the guest does not use: the new program
 * assumes that they are attached, and aborts if it cannot detach them.
 */
export async function hold(context: UpdateContext): Promise<void> {
  await readFirmwarePage(context);
  const { pending, facts, plan, process, system } = context;
  const { directory, standby, state, writeJournal } = context.ready;
  system.requireSame(facts.identity);
  const sent = sentDescriptors(plan.carried.commands);
  const hold = context.use(
    system.hold(process, plan.command.descriptors, sent),
  );
  // Again: the process may have executed another program in between.
  system.requireSame(facts.identity);
  context.ram = hold.ram;
  state.checkRam(hold, (block) => {
    if (block === TPM_BLOCK) return facts.tpmPage?.contents !== undefined;
    const file = facts.ramFiles.get(block);
    return file !== undefined && isInPlace(facts.pid, file);
  }, facts.deviceMemory);
  {
    using fresh = system.renewVhost(hold.preserved);
    await standby.hold(fresh.all);
  }
  const stopped = await pending.fingerprint;
  plan.fingerprint.requireUnchanged(stopped);
  const isNews = facts.runState !== context.found.runState ||
    facts.tpmPage !== undefined;
  if (isNews) await writeJournal(facts);
  for (const [number, fd] of hold.descriptors) {
    if (!attachQueue(fd)) continue;
    context.attachedQueues.push(fd);
    noteQueue(directory, number);
  }
  context.held = {
    hold,
    fingerprint: plan.fingerprint.updatedBy(stopped),
    firmware: awaitedLater(hashFirmware(hold, context.facts.machine)),
    connections: context.use(
      HeldConnections.take(process, await pending.connections),
    ),
    queue: MonitorQueue.among(hold.descriptors.values(), facts.address),
    stderr: StderrTail.after(hold.descriptors.get(STDERR)),
  };
}

/**
 * Has the source save its devices and execute the new program, and waits until
 * the destination answers. While it starts, the saved state is verified.
 */
export async function switchover(context: UpdateContext): Promise<void> {
  const { deadline, held, system, ready: { source, terminals } } = context;
  await source.switchover(terminals);
  held.queue.end();
  const connecting = awaitedLater(
    system.destination(
      context.facts,
      "new",
      deadline.left(),
      () => deadline.left(),
    ),
  );
  const kept = keepState(context);
  held.fingerprint.prepareComparison();
  const { client } = context.destination = await connecting;
  system.requireSameUser(context.facts.identity);
  if (kept.error !== undefined) throw kept.error;
  if (kept.unverified !== undefined) {
    context.warn(`The saved state cannot be verified: ${kept.unverified}`);
  }
  context.newVersion = client.version;
  if (context.ready.state.runState?.replaced === true) {
    context.warn(
      'The VM was saved in run state "debug", at a breakpoint of a debugger, ' +
        "which QEMU cannot load: the VM is paused instead",
    );
  }
}

/** It may fail before it is awaited: avoids an unhandled rejection. */
function awaitedLater<Reply>(reply: Promise<Reply>): Promise<Reply> {
  reply.catch(() => undefined);
  return reply;
}

/** Reads the TPM's page, which the source does not save. */
async function readFirmwarePage(context: UpdateContext): Promise<void> {
  const { client, facts: { tpmPage } } = context;
  if (tpmPage === undefined) return;
  const contents = await readTpmPage(client, tpmPage);
  context.facts = { ...context.facts, tpmPage: { ...tpmPage, contents } };
}
