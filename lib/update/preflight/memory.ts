/**
 * Guest RAM can be preserved, and a second program has room to start.
 *
 * @module
 */

import {
  hasRoomToTry,
  memoryRoom as readMemoryRoom,
  START_BYTES,
} from "../process/memory_room.ts";
import { text } from "../vm/reply.ts";
import { canPreserveTpmPage } from "../vm/tpm_page.ts";
import { sharingWords } from "../command/shared_ram.ts";
import {
  type CheckContext,
  listed,
  ok,
  type PreflightCheck,
  problemCheck,
  quoted,
  refuse,
  warn,
} from "./check.ts";
import type { QomChild } from "./inventory.ts";

const MIB = 1024 ** 2;

/**
 * A program can start in the VM's control group. If the group is full, the
 * kernel kills the new program, and then the old one as well.
 */
export const memoryRoom: PreflightCheck = {
  id: "memory-room",
  run({ facts }) {
    const room = readMemoryRoom(facts.pid);
    if (room === undefined) {
      return ok("no control group limits the VM's memory");
    }
    const left = Math.max(0, Math.floor(room.left / MIB));
    const limit = Math.floor(room.limit / MIB);
    const says = `${left} MiB are left of the ${limit} MiB that the control ` +
      `group ${quoted(room.group)} may use`;
    if (hasRoomToTry(facts.pid)) return ok(says);
    if (room.left >= START_BYTES) {
      return warn(
        `${says}: not enough to try programs there beforehand`,
        "Raise the group's limit of memory for the update",
      );
    }
    const needed = START_BYTES / MIB;
    return refuse(
      `${says}, and a program that starts takes up to ${needed} MiB for a ` +
        "moment: the kernel would kill it",
      `Raise the group's limit of memory by ${needed - left} MiB or more`,
    );
  },
};

/** Its pages cannot be handed over to another program. */
const ENCLAVE = "memory-backend-epc";

/**
 * All RAM can be preserved, according to its backends. QEMU's own blockers do
 * not consider a file that has been deleted.
 */
export const memoryBackends: PreflightCheck = problemCheck({
  id: "memory-backends",
  ok: "all RAM is shared memory",
  remedy: sharingRemedy,
  find: lostRam,
});

/** Names the VM's own options, changed so that all RAM is shared. */
export function sharingRemedy({ running }: CheckContext): string {
  return `Restart the VM once with ${sharingWords(running)}`;
}

/** RAM that cannot be preserved, each in a phrase. */
export async function* lostRam(context: CheckContext): AsyncIterable<string> {
  const { inventory } = context;
  const backends = (await inventory.children("/objects"))
    .filter(({ type }) => type.startsWith("memory-backend"));
  const unshared = (await inventory.list("query-memdev"))
    .filter(({ share }) => share !== true)
    .map(({ id }) => text(id) ?? "without id");
  // A QEMU older than cpr-exec has no such property.
  const auxiliary = await inventory.knownProperty("/machine", "aux-ram-share");
  const enclaves = backends.filter(({ type }) => type === ENCLAVE)
    .map(({ name }) => name);
  if (unshared.length > 0) {
    const names = listed(unshared);
    yield `RAM is not shared (share=off) and would be lost: ${names}`;
  }
  if (auxiliary === false) {
    yield "RAM of the firmware and of devices would be lost: aux-ram-share=off";
  }
  if (enclaves.length > 0) {
    yield `RAM of SGX enclaves cannot be handed over: ${listed(enclaves)}`;
  }
  yield* backendsWithoutFile(context, backends);
}

/** The new program opens the file by its name: it must be the one in use. */
async function* backendsWithoutFile(
  { inventory, files }: CheckContext,
  backends: readonly QomChild[],
): AsyncIterable<string> {
  for (const { name, path, type } of backends) {
    if (type !== "memory-backend-file") continue;
    const file = text(await inventory.property(path, "mem-path")) ?? "";
    const info = await files.stat(file);
    if (info === undefined || info.isDirectory || !await files.hasOpen(info)) {
      yield `RAM ${quoted(name)} would be lost: its file has no name ` +
        `(mem-path ${quoted(file)})`;
    }
  }
}

/** The requests of the guest and its firmware to the TPM are not lost. */
export const tpmPage: PreflightCheck = {
  id: "tpm-page",
  async run({ client, facts }) {
    if (facts.tpmPage === undefined) return ok("the VM has no TPM");
    return await canPreserveTpmPage(client, facts)
      ? ok("the TPM's page of requests to the firmware can be preserved")
      : refuse(
        "The TPM's page of requests to the firmware (physical presence " +
          "interface) is not empty, which QEMU would not preserve, and " +
          "cprctl has no right to write the memory of the VM's process",
        "Run cprctl as root, or shut the guest down and start the VM on the " +
          "new program",
      );
  },
};
