import { parseUri } from "../../channel/mod.ts";
import { type Channels, MIGRATION_MODES } from "../../migration/mod.ts";
import {
  anything,
  type Arguments,
  command,
  CommandFailure,
  flag,
  type JsonObject,
  list,
  oneOf,
  optional,
  record,
  text,
  unsigned,
} from "../../qmp/mod.ts";
import type { Machine } from "../machine.ts";
import { readAddress } from "./address.ts";
import type { CommandGroup } from "./context.ts";

/** The target of `migrate` and `migrate-incoming`. */
const TARGET = {
  uri: optional(text()),
  channels: optional(list(record({
    "channel-type": oneOf("main", "cpr"),
    addr: anything(),
  }))),
};
type Target = Arguments<typeof TARGET>;

/** The channels of a target: one main channel, and a cpr channel. */
function channelsOf({ uri, channels = [] }: Target): Channels {
  if ((uri === undefined) === (channels.length === 0)) {
    throw new CommandFailure("Need either 'uri' or 'channels' argument");
  }
  if (uri !== undefined) return { main: parseUri(uri) };
  const addresses = (wanted: string) =>
    channels.filter(({ "channel-type": type }) => type === wanted)
      .map(({ addr }) => readAddress(addr, "channels[].addr"));
  const [main, another] = addresses("main");
  if (main === undefined || another !== undefined) {
    throw new CommandFailure("Need exactly one 'main' migration channel");
  }
  return { main, cpr: addresses("cpr").at(-1) };
}

/** Warns the operator of a channel that is not used. */
function warnOfCprChannel(machine: Machine, { cpr }: Channels): void {
  if (cpr === undefined) return;
  machine.warn(
    `ignoring cpr channel for migration mode ${machine.parameters.mode}`,
  );
}

/** Migration: parameters, capabilities, both directions. */
export const MIGRATION_COMMANDS: CommandGroup = ({ machine }) => ({
  migrate: command(TARGET, async (target) => {
    const channels = channelsOf(target);
    const { mode } = machine.parameters;
    const started = machine.outgoing.start(channels);
    if (mode !== "cpr-transfer") warnOfCprChannel(machine, channels);
    await started;
  }),
  "migrate-incoming": command(
    { ...TARGET, "exit-on-error": optional(flag()) },
    (target) => {
      const channels = channelsOf(target);
      machine.startIncoming(channels.main, target["exit-on-error"] ?? true);
      warnOfCprChannel(machine, channels);
    },
  ),
  getfd: command({ fdname: text() }, ({ fdname }, takeDescriptor) => {
    const fd = takeDescriptor();
    if (fd === undefined) {
      throw new CommandFailure("No file descriptor supplied via SCM_RIGHTS");
    }
    machine.descriptors.get(fdname)?.close();
    machine.descriptors.set(fdname, fd);
  }),
  "migrate-continue": command(
    { state: oneOf("pre-switchover") },
    () => machine.outgoing.continue(),
  ),
  migrate_cancel: command({}, () => machine.outgoing.cancel()),
  "migrate-set-parameters": command(
    {
      mode: optional(oneOf(...MIGRATION_MODES)),
      "cpr-exec-command": optional(list(text())),
      "max-bandwidth": optional(unsigned()),
      "downtime-limit": optional(unsigned()),
    },
    (given) => {
      const { parameters } = machine;
      parameters.mode = given.mode ?? parameters.mode;
      parameters["cpr-exec-command"] = given["cpr-exec-command"] ??
        parameters["cpr-exec-command"];
      for (const name of ["max-bandwidth", "downtime-limit"] as const) {
        parameters[name] = given[name] ?? parameters[name];
      }
    },
  ),
  "migrate-set-capabilities": command(
    { capabilities: list(record({ capability: text(), state: flag() })) },
    ({ capabilities }) => {
      if (machine.outgoing.underWay) {
        throw new CommandFailure("There's a migration process in progress");
      }
      machine.capabilities.set(capabilities);
    },
  ),
  "query-migrate": command({}, () => ({
    ...statusOf(machine),
    ...blockedReasons(machine),
  })),
  "query-migrate-parameters": command({}, () => ({
    ...machine.parameters,
    "cpr-exec-command": [...machine.parameters["cpr-exec-command"]],
  })),
  "query-migrate-capabilities": command({}, () => machine.capabilities.list()),
});

/** Empty before the first migration, as in QEMU. */
function statusOf({ outgoing, incoming, listensAt }: Machine): JsonObject {
  const last = outgoing.status === "none" ? incoming : outgoing;
  if (last.status === "none") return {};
  const { transport: _, ...listens } = listensAt ?? {};
  return {
    status: last.status,
    ...outgoing.ram === undefined ? {} : { ram: { ...outgoing.ram } },
    ...listensAt === undefined ? {} : { "socket-address": [listens] },
    ...last.failure === undefined ? {} : { "error-desc": last.failure.message },
  };
}

function blockedReasons(machine: Machine): JsonObject {
  const reasons = machine.blockers.reasons(machine.parameters.mode);
  return reasons.length === 0 ? {} : { "blocked-reasons": reasons };
}
