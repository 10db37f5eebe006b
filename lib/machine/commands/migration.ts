import { type MigrationAddress, parseUri } from "../../channel/mod.ts";
import {
  type IncomingMigration,
  MIGRATION_MODES,
  type OutgoingMigration,
} from "../../migration/mod.ts";
import {
  anything,
  command,
  CommandFailure,
  flag,
  integer,
  type JsonObject,
  list,
  oneOf,
  optional,
  record,
  text,
} from "../../qmp/mod.ts";
import type { Machine } from "../machine.ts";
import { readAddress } from "./address.ts";
import type { CommandGroup } from "./context.ts";

const channels = list(record({
  "channel-type": oneOf("main", "cpr"),
  addr: anything(),
}));

/** Where `migrate` and `migrate-incoming` take the stream to and from. */
interface Target {
  readonly uri?: string;
  readonly channels?: {
    readonly "channel-type": "main" | "cpr";
    readonly addr: Parameters<typeof readAddress>[0];
  }[];
}

/** The main channel; a cpr channel is of no use to cpr-exec. */
function mainAddress(machine: Machine, target: Target): MigrationAddress {
  const { uri, channels = [] } = target;
  if ((uri === undefined) === (channels.length === 0)) {
    throw new CommandFailure("Need either 'uri' or 'channels' argument");
  }
  if (uri !== undefined) return parseUri(uri);
  const of = (type: string) =>
    channels.filter((channel) => channel["channel-type"] === type);
  const [main, another] = of("main");
  if (main === undefined || another !== undefined) {
    throw new CommandFailure("Need exactly one 'main' migration channel");
  }
  if (of("cpr").length > 0) {
    machine.warn(
      `ignoring cpr channel for migration mode ${machine.parameters.mode}`,
    );
  }
  return readAddress(main.addr, "channels[].addr");
}

/** Migration: parameters, capabilities, both directions. */
export const MIGRATION_COMMANDS: CommandGroup = ({ machine }) => ({
  migrate: command(
    { uri: optional(text()), channels: optional(channels) },
    (target) => machine.outgoing.start(mainAddress(machine, target)),
  ),
  "migrate-incoming": command(
    {
      uri: optional(text()),
      channels: optional(channels),
      "exit-on-error": optional(flag()),
    },
    (target) =>
      machine.startIncoming(
        mainAddress(machine, target),
        target["exit-on-error"] ?? true,
      ),
  ),
  "migrate-continue": command(
    { state: oneOf("pre-switchover") },
    () => machine.outgoing.continue(),
  ),
  migrate_cancel: command({}, () => machine.outgoing.cancel()),
  "migrate-set-parameters": command(
    {
      mode: optional(oneOf(...MIGRATION_MODES)),
      "cpr-exec-command": optional(list(text())),
      "max-bandwidth": optional(integer()),
      "downtime-limit": optional(integer()),
    },
    (given) => {
      const { parameters } = machine;
      parameters.mode = given.mode ?? parameters.mode;
      parameters["cpr-exec-command"] = given["cpr-exec-command"] ??
        parameters["cpr-exec-command"];
      for (const name of ["max-bandwidth", "downtime-limit"] as const) {
        const value = given[name];
        if (value !== undefined) parameters[name] = Number(value);
      }
    },
  ),
  "migrate-set-capabilities": command(
    {
      capabilities: list(record({ capability: text(), state: flag() })),
    },
    ({ capabilities }) => {
      for (const { capability, state } of capabilities) {
        machine.capabilities.set(capability, state);
      }
    },
  ),
  "query-migrate": command({}, () => ({
    ...statusOf(machine.outgoing, machine.incoming),
    ...blockedReasons(machine),
  })),
  "query-migrate-parameters": command({}, () => ({
    ...machine.parameters,
    "cpr-exec-command": [...machine.parameters["cpr-exec-command"]],
  })),
  "query-migrate-capabilities": command({}, () => machine.capabilities.list()),
});

/** Nothing where there never was a migration, as in QEMU. */
function statusOf(
  outgoing: OutgoingMigration,
  incoming: IncomingMigration,
): JsonObject {
  const last = outgoing.status === "none" ? incoming : outgoing;
  if (last.status === "none") return {};
  return {
    status: last.status,
    ...last.failure === undefined ? {} : { "error-desc": last.failure.message },
  };
}

function blockedReasons(machine: Machine): JsonObject {
  const reasons = machine.blockers.reasons(machine.parameters.mode);
  return reasons.length === 0 ? {} : { "blocked-reasons": reasons };
}
