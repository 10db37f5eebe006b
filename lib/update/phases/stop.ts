/**
 * The phases on the source from the moment at which the guest stops: "migrate",
 * "hold" and "switchover".
 */

import type { UpdateContext } from "../context.ts";
import { HeldConnections } from "../transaction/held_connections.ts";
import { LastWords, STDERR } from "../transaction/last_words.ts";
import { MonitorQueue } from "../transaction/monitor_queue.ts";
import { Fingerprint } from "../vm/fingerprint.ts";
import { PciDevices } from "../vm/pci_devices.ts";
import { isInPlace } from "../vm/ram_files.ts";
import { isEmptyPage, TPM_BLOCK } from "../vm/tpm_page.ts";
import { userConnections } from "../vm/user_connections.ts";
import { keepState } from "./keep_state.ts";

/** Stops the VM and has it save what comes before its devices. */
export async function migrate(context: UpdateContext): Promise<void> {
  const { client, system, ready: { source, state } } = context;
  await source.requireMovable();
  context.clock.goOn();
  context.touched = true;
  context.urgency = context.use(system.urgency(context.facts.pid));
  const migrating = source.migrate(`file:${state.path}`);
  // Sent right behind it: the answers come while the program saves.
  const fingerprint = heardLater(Fingerprint.take(client));
  const connections = userConnections(client).catch(() => []); // not needed
  await migrating;
  context.noteDowntime();
  // Since the checks, its guest or a client may have changed its run state.
  context.facts = { ...context.facts, ...source.before };
  const devices = heardLater(PciDevices.take(client));
  context.asked = { fingerprint, connections, devices };
}

/**
 * Duplicates the VM's descriptors into this process and the standby: from here
 * on its RAM outlives its process. Then the last checks: it is the process that
 * was looked at, nobody changed the VM, and none of its RAM would be lost.
 */
export async function hold(context: UpdateContext): Promise<void> {
  const { asked, facts, plan, process, system } = context;
  const { standby, state, writeJournal } = context.ready;
  system.requireSame(facts.identity);
  const hold = context.use(system.hold(process, plan.command.descriptors));
  // What was held is the VM's only if it was the VM all the time.
  system.requireSame(facts.identity);
  context.ram = hold.ram;
  const emptyBlock = await emptyBlockOf(context);
  state.checkRam(hold, (block) => {
    if (block === emptyBlock) return true;
    const file = facts.ramFiles.get(block);
    return file !== undefined && isInPlace(facts.pid, file);
  }, facts.deviceMemory);
  await standby.hold(hold.preserved);
  plan.fingerprint.requireSame(await asked.fingerprint);
  const devices = await asked.devices;
  if (facts.runState !== context.found.runState) await writeJournal(facts);
  context.held = {
    ...{ hold, devices },
    connections: context.use(
      HeldConnections.take(process, await asked.connections),
    ),
    queue: MonitorQueue.among(hold.descriptors.values(), facts.address),
    words: LastWords.after(hold.descriptors.get(STDERR)),
  };
}

/**
 * Has the source save its devices and execute the new program, and waits until
 * that answers. While it starts, the saved state is read to its last byte.
 */
export async function switchover(context: UpdateContext): Promise<void> {
  const { deadline, held, system, ready: { source, terminals } } = context;
  context.moved = true;
  await source.switchover(terminals);
  held.queue.end();
  const connecting = heardLater(
    system.destination(context.facts, "new", deadline.left()),
  );
  const kept = keepState(context);
  const { client } = context.destination = await connecting;
  client.deadline = deadline.at;
  system.requireSameUser(context.facts.identity);
  if (kept.error !== undefined) throw kept.error;
  if (kept.doubt !== undefined) {
    context.warn(`The saved state cannot be verified: ${kept.doubt}`);
  }
  context.newVersion = client.version;
  if (context.ready.state.runState?.replaced === true) {
    context.warn(
      "The guest stood at a debugger's breakpoint when the VM was saved, " +
        "which no program loads: the VM is paused instead",
    );
  }
}

/** An answer that may fail before anybody waits for it. */
function heardLater<Answer>(answer: Promise<Answer>): Promise<Answer> {
  answer.catch(() => undefined);
  return answer;
}

/** The RAMBlock that has nothing but zeros, as it will have again. */
async function emptyBlockOf(
  { client, facts: { tpmPage } }: UpdateContext,
): Promise<string | undefined> {
  if (tpmPage === undefined) return undefined;
  return await isEmptyPage(client, tpmPage) ? TPM_BLOCK : undefined;
}
