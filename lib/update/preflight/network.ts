/**
 * Network back ends and forwarded ports are those of the command line.
 *
 * @module
 */

import type { OptionValue } from "../../cmdline/mod.ts";
import type { CommandLine } from "../command/command_line.ts";
import { type BackEnd, backEndsIn } from "../vm/info_network.ts";
import { listed, problemCheck, quoted } from "./check.ts";

/** QEMU makes up names with this mark for -nic and -net. */
const AUTOMATIC = "#";

export const netdevs = problemCheck({
  id: "netdevs",
  ok: "network back ends are those of the command line",
  detail: "Network back ends differ from those of the command line",
  remedy: "Undo it (netdev_del, netdev_add), or restart the VM with the " +
    "current ones on its command line",
  async find({ carried, inventory, running }) {
    const live = backEndsIn(await inventory.human("info network"));
    const named = running.values("netdev");
    const names = named.map((it) => it.get("id") ?? "");
    const sent = carried.commands.filter(({ execute }) =>
      execute === "netdev_add"
    ).map(({ arguments: { id } }) => id);
    const known = new Set([...names, ...namesOfNics(running), ...sent]);
    const added = live.map(({ name }) => name)
      .filter((name) => !name.startsWith(AUTOMATIC) && !known.has(name));
    const why = (name: string) => {
      const obstacle = carried.obstacles.get(name);
      return obstacle === undefined ? "" : `: ${obstacle}`;
    };
    return [
      ...new Set(added).values().map((name) =>
        `${quoted(name)} was created at run time${why(name)}`
      ),
      ...names.filter((name) => !live.some((it) => it.name === name))
        .map((name) => `${quoted(name)} was removed at run time`),
      ...named.flatMap((option) =>
        live.filter(({ name }) => name === option.get("id"))
          .filter((backEnd) => wasReplaced(option, backEnd))
          .map(({ name }) => `${quoted(name)} was replaced at run time`)
      ),
    ];
  },
});

/** Names that -nic and the old -net give, which also make devices. */
function namesOfNics(commandLine: CommandLine): string[] {
  return ["nic", "net"].flatMap((option) => [
    ...commandLine.all(option, "id"),
    ...commandLine.all(option, "name"),
  ]);
}

const USER = "user";

/** Whether another back end has the name by now, as far as QEMU reports it. */
function wasReplaced(option: OptionValue, { facts }: BackEnd): boolean {
  const type = facts.get("type");
  if (type === undefined) return false;
  const isUser = type === USER;
  if (isUser !== (option.get("type") === USER)) return true;
  if (!isUser) return false;
  const net = networkAddress(option);
  return (net !== undefined && net !== facts.get("net")) ||
    (option.boolean("restrict") === true) !== (facts.get("restrict") === "on");
}

const DEFAULT_NET = "10.0.2.0";

/** The address of a user network; undefined if that depends on more. */
function networkAddress(option: OptionValue): string | undefined {
  const net = option.get("net");
  if (net === undefined) return option.has("ip") ? undefined : DEFAULT_NET;
  const [, address = "", bits = ""] = /^([\d.]+)\/(\d+)$/.exec(net) ?? [];
  const bytes = address.split(".").map(Number);
  if (bytes.length !== 4) return undefined;
  return bytes.map((byte, at) => {
    const free = Math.min(8, Math.max(0, 8 * (at + 1) - Number(bits)));
    return byte >> free << free;
  }).join(".");
}

/** Ports are forwarded as the command line says. */
export const hostForwards = problemCheck({
  id: "host-forwards",
  verdict: "warn",
  ok: "ports are forwarded as on the command line",
  remedy: "Change them again after the update (hostfwd_add, hostfwd_remove)",
  async *find({ inventory, running }) {
    const lines = (await inventory.human("info usernet"))
      .filter((line) => line.includes(FORWARDED));
    const { length } = lines;
    const options = forwardOptions(running);
    if (length !== options.length) {
      yield `${length} ports are forwarded to the guest, and ${options.length} will be`;
      return;
    }
    const will = options.map((option) => forwardIn(FORWARD_OPTION, option));
    if (will.includes(undefined)) return; // not all of them can be compared
    const lost = lines.flatMap((line) => forwardIn(FORWARD_LINE, line) ?? [])
      .filter((it) => !will.includes(it));
    if (lost.length === 0) return;
    yield `Ports that are forwarded to the guest will not be: ${listed(lost)}`;
  },
});

/**
 * Marks a line of "info usernet" about a port that is forwarded to the guest:
 *
 * ```
 * Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ
 * TCP[HOST_FORWARD]  17       127.0.0.1 39021       10.0.2.15    22     0     0
 * ```
 */
const FORWARDED = "[HOST_FORWARD]";
const FORWARD_LINE =
  /^\s*(\w+)\[HOST_FORWARD\]\s+\d+\s+(\S+)\s+(\d+)\s+\S+\s+(\d+) /;
/** Such as "tcp:127.0.0.1:39021-:22"; port 0 is any port. */
const FORWARD_OPTION = /^(tcp|udp|):([\d.]*):(?!0-)(\d+)-[\d.]*:(\d+)$/;

function forwardOptions(commandLine: CommandLine): string[] {
  return commandLine.values("netdev", "nic", "net").flatMap(({ entries }) =>
    entries.filter(({ key }) => /^hostfwd(\.\d+\.str)?$/.test(key))
      .map(({ value }) => value)
  );
}

/**
 * Protocol, address and ports in one form; undefined if they cannot be told.
 */
function forwardIn(pattern: RegExp, written: string): string | undefined {
  const found = pattern.exec(written);
  if (found === null) return undefined;
  const [, protocol = "", host = "", from, to] = found;
  const address = host === "*" || host === "0.0.0.0" ? "" : host;
  return `${protocol.toLowerCase() || "tcp"}:${address}:${from}-:${to}`;
}
