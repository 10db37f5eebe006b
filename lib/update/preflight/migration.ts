/** The VM can be migrated at all. @module */

import { remedyOf } from "../../errors.ts";
import { type QmpClient, QmpCommandError } from "../../qmp/mod.ts";
import { RunDirectory } from "../run/directory.ts";
import { asArray, asObject, text } from "../vm/reply.ts";
import { canBeMoved, remedyFor } from "../vm/run_state.ts";
import {
  type CheckContext,
  joined,
  ok,
  type PreflightCheck,
  problemCheck,
  quoted,
  refuse,
  skipped,
} from "./check.ts";
import type { Inventory } from "./inventory.ts";
import { lostRam, sharingRemedy } from "./memory.ts";

/** The running program knows migration mode cpr-exec. */
export const cprExec: PreflightCheck = {
  id: "cpr-exec",
  async run({ inventory }) {
    const reply = asObject(await inventory.ask("query-migrate-parameters"));
    return reply["cpr-exec-command"] === undefined
      ? refuse(
        "The running program does not know migration mode cpr-exec",
        "Restart the VM once on QEMU 10.2 or later",
      )
      : ok("the running program knows cpr-exec");
  },
};

/** A rollback can put the VM back into its run state. */
export const runState: PreflightCheck = {
  id: "run-state",
  run({ facts: { runState } }) {
    return canBeMoved(runState)
      ? ok(`the VM is ${runState}`)
      : refuse(`The VM is in run state "${runState}"`, remedyFor(runState));
  },
};

/** No migration or snapshot of the VM is under way. */
export const migrationIdle: PreflightCheck = {
  id: "migration-idle",
  async run({ inventory }) {
    const status = await activeMigration(inventory);
    return status === undefined ? ok("no migration is under way") : refuse(
      `A migration is under way: ${quoted(status)}`,
      "Wait until it ends, or cancel it with migrate_cancel",
    );
  },
};

/** The states of a migration that is not under way. */
const IDLE = ["none", "completed", "failed", "cancelled"];

/** The status of a migration that is under way. */
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
  ok: "every capability that is on works with cpr-exec",
  detail: (found) =>
    `Migration capabilities do not work with cpr-exec: ${found}`,
  remedy: "Switch them off with migrate-set-capabilities",
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
const MODES = ["cpr-transfer", "cpr-exec"];

/** Nothing blocks a migration. The mode is restored at once. */
export const blockers: PreflightCheck = {
  id: "blockers",
  async run(context) {
    const { client, inventory } = context;
    if (await activeMigration(inventory) !== undefined) {
      return skipped("a migration is under way, and its mode is not ours");
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
        `QEMU blocks a migration: ${joined(reasons)}`,
        blockerRemedy(reasons, context),
      );
    }
    return ok(
      isKnown
        ? "nothing but the VM's RAM blocks a migration"
        : "nothing blocks a migration, and all RAM can be preserved",
    );
  },
};

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
    : "Unplug or end what blocks it, or let the VM keep its program until it " +
      "is shut down";
}
