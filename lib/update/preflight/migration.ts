/**
 * The VM can be migrated at all: guest RAM can be preserved, and there is room
 * for the state and for a second program.
 *
 * @module
 */

import { remedyOf } from "../../errors.ts";
import { type QmpClient, QmpCommandError } from "../../qmp/mod.ts";
import { readStatus } from "../../proc/status.ts";
import type { Mode } from "../phase.ts";
import { RunDirectory } from "../run/directory.ts";
import { asArray, asObject, text } from "../vm/reply.ts";
import { canBeMoved, remedyFor } from "../vm/run_state.ts";
import {
  type CheckContext,
  type Finding,
  joined,
  listed,
  ok,
  type PreflightCheck,
  problemCheck,
  quoted,
  refuse,
  skipped,
  warn,
} from "./check.ts";
import type { Inventory, QomChild } from "../vm/inventory.ts";
import {
  availableBytes,
  hasRoomToTry,
  memoryRoom as readMemoryRoom,
  START_BYTES,
} from "../process/memory_room.ts";
import { canPreserveTpmPage } from "../vm/tpm_page.ts";
import { sharingWords } from "../command/shared_ram.ts";

/** The running program supports migration mode cpr-exec. */
export const cprExec: PreflightCheck = {
  id: "cpr-exec",
  async run({ inventory }) {
    const reply = asObject(await inventory.ask("query-migrate-parameters"));
    return reply["cpr-exec-command"] === undefined
      ? refuse(
        "The running program does not support migration mode cpr-exec",
        "Restart the VM once on QEMU 10.2 or later",
      )
      : ok("the running program supports cpr-exec");
  },
};

/** A rollback can restore the run state of the VM. */
export const runState: PreflightCheck = {
  id: "run-state",
  run({ facts: { runState } }) {
    return canBeMoved(runState)
      ? ok(`the VM is ${runState}`)
      : refuse(`The VM is in run state "${runState}"`, remedyFor(runState));
  },
};

/** No migration or snapshot of the VM is in progress. */
export const migrationIdle: PreflightCheck = {
  id: "migration-idle",
  async run({ inventory }) {
    const status = await activeMigration(inventory);
    return status === undefined ? ok("no migration is in progress") : refuse(
      `A migration is in progress: ${quoted(status)}`,
      "Wait until it ends, or cancel it with migrate_cancel",
    );
  },
};

/** The states of a migration that is not in progress. */
const IDLE = ["none", "completed", "failed", "cancelled"];

/** The status of a migration that is in progress. */
async function activeMigration(
  inventory: Inventory,
): Promise<string | undefined> {
  const status = text(asObject(await inventory.ask("query-migrate"))["status"]);
  return IDLE.includes(status ?? "none") ? undefined : status;
}

/** With one of these, QEMU refuses cpr-exec, or loses the VM. */
const HARMFUL = [
  "background-snapshot",
  "dirty-bitmaps",
  "mapped-ram",
  "multifd",
  "postcopy-preempt",
  "postcopy-ram",
  "return-path",
  "switchover-ack",
  "x-colo",
  "x-ignore-shared",
  "zero-copy-send",
];

/** No migration capability is on that is incompatible with cpr-exec. */
export const capabilities: PreflightCheck = problemCheck({
  id: "capabilities",
  ok: "every enabled migration capability works with cpr-exec",
  detail: (found) =>
    `Enabled migration capabilities do not work with cpr-exec: ${found}`,
  remedy: "Disable them with migrate-set-capabilities",
  async find({ inventory }) {
    return (await inventory.list("query-migrate-capabilities"))
      .filter(({ state }) => state === true)
      .map(({ capability }) => text(capability) ?? "")
      .filter((name) => HARMFUL.includes(name)).map(quoted);
  },
});

/** There is room for the VM's state; a run directory is created to find out. */
export const stateRoom: PreflightCheck = {
  id: "state-room",
  async run({ facts }) {
    try {
      await using _directory = await RunDirectory.create(facts);
      return ok("there is room for the VM's state");
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      return refuse(
        error.message,
        remedyOf(error) ??
          "Make sure that cprctl may create files in its run directory",
      );
    }
  },
};

/**
 * What blocks a migration depends on its mode. RAM that cannot be preserved
 * blocks cpr-transfer only: cpr-exec loses it silently.
 */
const MODES: readonly Mode[] = ["cpr-transfer", "cpr-exec"];

/** Nothing blocks a migration. The mode is restored at once. */
export const blockers: PreflightCheck = {
  id: "blockers",
  async run(context) {
    const { client, inventory, mode: wanted } = context;
    if (wanted === "live") return await normalBlockers(context);
    if (await activeMigration(inventory) !== undefined) {
      return skipped("another migration is in progress");
    }
    const reply = asObject(await inventory.ask("query-migrate-parameters"));
    const mode = text(reply["mode"]) ?? "normal";
    const found = new Set<string>();
    try {
      for (const mode of MODES) {
        for (const reason of await blockersIn(client, mode)) found.add(reason);
      }
    } finally {
      await client.execute("migrate-set-parameters", { mode });
    }
    // The check "memory-backends" reports this RAM more briefly.
    const isKnown = (await Array.fromAsync(lostRam(context))).length > 0;
    const reasons = [...found].filter((it) => !isKnown || !OF_RAM.test(it));
    if (reasons.length > 0) {
      return refuse(
        `QEMU blocks migration: ${joined(reasons)}`,
        blockerRemedy(reasons, context),
      );
    }
    return ok(
      isKnown
        ? "nothing but the VM's RAM blocks migration"
        : "nothing blocks migration, and all RAM can be preserved",
    );
  },
};

/** What blocks a migration in the current mode, which is the normal one. */
async function normalBlockers({ inventory }: CheckContext): Promise<Finding> {
  const found = asObject(await inventory.ask("query-migrate"));
  const reasons = asArray(found["blocked-reasons"]).map(String);
  return reasons.length === 0 ? ok("nothing blocks migration") : refuse(
    `QEMU blocks migration: ${joined(reasons)}`,
    UNBLOCK,
  );
}

async function blockersIn(client: QmpClient, mode: string): Promise<string[]> {
  try {
    await client.execute("migrate-set-parameters", { mode });
    const migration = asObject(await client.execute("query-migrate"));
    return asArray(migration["blocked-reasons"]).map(String);
  } catch (error) {
    if (error instanceof QmpCommandError) return [error.description];
    throw error;
  }
}

/** In QEMU's words for RAM that cannot be preserved. */
const OF_RAM = /share=on/;

function blockerRemedy(
  reasons: readonly string[],
  context: CheckContext,
): string {
  return reasons.every((reason) => OF_RAM.test(reason))
    ? sharingRemedy(context)
    : UNBLOCK;
}

const UNBLOCK = "Unplug or end what blocks it, or leave the VM on the old " +
  "program until it is shut down";

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
        `${says}: not enough to try the programs there first`,
        "Raise the group's memory limit for the update",
      );
    }
    const needed = START_BYTES / MIB;
    return refuse(
      `${says}, but a QEMU that starts may need ${needed} MiB for a moment: ` +
        "the kernel would kill it",
      `Raise the group's memory limit by ${needed - left} MiB or more`,
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

/** The new program can have all RAM in shared memory: a copy of it. */
export const copiedRam: PreflightCheck = problemCheck({
  id: "memory-backends",
  ok: "all RAM can be copied to shared memory",
  remedy: "Shut the guest down, and restart the VM with shared RAM",
  async *find({ inventory, running }) {
    const enclaves = enclavesAmong(await inventory.children("/objects"));
    if (enclaves.length > 0) {
      yield `RAM of SGX enclaves cannot be copied: ${listed(enclaves)}`;
    }
    const files = running.values("object").filter((it) =>
      it.get("qom-type") === "memory-backend-file" &&
      it.boolean("share") !== true
    ).map((it) => it.get("id") ?? "");
    if (files.length > 0) {
      yield `RAM is a private mapping of a file (share=off), and shared RAM ` +
        `would change that file: ${listed(files)}`;
    }
    if (running.has("mem-path")) {
      yield "RAM is a private mapping of the file of -mem-path";
    }
  },
});

/** There is room for the RAM twice, until the old program has ended. */
export const copyRoom: PreflightCheck = {
  id: "copy-room",
  async run({ facts }) {
    const { residentBytes } = await readStatus(facts.pid);
    const needed = Math.ceil((residentBytes + 2 * START_BYTES) / MIB);
    const host = availableBytes(await Deno.readTextFile("/proc/meminfo"));
    const room = readMemoryRoom(facts.pid)?.left ?? Infinity;
    const left = Math.floor(Math.min(host, room) / MIB);
    const says = `${needed} MiB are needed until the old program has ended`;
    return left >= needed ? ok(says) : refuse(
      `${says}, but only ${left} MiB are left on the host or in the VM's ` +
        "control group",
      "Free memory, or raise the group's limit for the update",
    );
  },
};

/**
 * Names the VM's own options, changed so that all RAM is shared. They come
 * last, where they are shown as text to paste.
 */
function sharingRemedy({ running }: CheckContext): string {
  return "Copy its RAM to shared memory while it runs, with --mode live, or " +
    "restart the VM once (cprctl prepare says where the options go) " +
    `with ${sharingWords(running)}`;
}

/** RAM that cannot be preserved, each in a phrase. */
async function* lostRam(context: CheckContext): AsyncIterable<string> {
  const { inventory } = context;
  const backends = (await inventory.children("/objects"))
    .filter(({ type }) => type.startsWith("memory-backend"));
  const unshared = (await inventory.list("query-memdev"))
    .filter(({ share }) => share !== true)
    .map(({ id }) => text(id) ?? "without id");
  // A QEMU older than cpr-exec has no such property.
  const auxiliary = await inventory.knownProperty("/machine", "aux-ram-share");
  const enclaves = enclavesAmong(backends);
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

function enclavesAmong(objects: readonly QomChild[]): string[] {
  return objects.filter(({ type }) => type === ENCLAVE)
    .map(({ name }) => name);
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
      ? ok("the TPM's physical presence interface can be preserved")
      : refuse(
        "The memory of the TPM's physical presence interface is not empty: " +
          "QEMU does not preserve it, and cprctl may not write the memory of " +
          "the VM's process",
        "Run cprctl as root, or shut the guest down and start the VM on the " +
          "new program",
      );
  },
};
