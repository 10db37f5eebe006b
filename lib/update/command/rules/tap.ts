/**
 * A tap interface whose queues are open allows nobody to open it again. QEMU
 * opens /dev/net/tun without close-on-exec, so that the descriptors live on in
 * the new program, which only has to be told their numbers:
 *
 * ```
 * tap,id=net0,ifname=vm0,script=no,vhost=on   ->   tap,id=net0,vhost=on,fd=11
 * ```
 *
 * @module
 */

import {
  type Argument,
  keysOf,
  type OptionValue,
  withValue,
} from "../../../cmdline/mod.ts";
import type { CommandDraft } from "../draft.ts";
import type { TapQueue } from "../live_process.ts";
import type { Rule } from "../rule.ts";
import { shown } from "../shown.ts";

/** In the order in which QEMU opens their interfaces. */
const OPTIONS = ["netdev", "nic", "net"];
const TYPES = ["tap", "bridge"];

/** What is said of an interface that is to be opened, and of no other. */
const OF_OPENING = [
  "ifname",
  "script",
  "downscript",
  "br",
  "helper",
  "queues",
  "vnet_hdr",
];

const REMEDY = "Restart the VM with an ifname of its own for each tap " +
  "interface, or with descriptors of them (fd=)";

/** Gives the new program the tap interfaces that the running one has open. */
export const handOverTaps: Rule = (draft, { live }) => {
  const wanted = draft.of(...OPTIONS).filter(opensTap);
  const queues = Map.groupBy(live.taps, (queue) => queue.interface);
  const claims = new Map<Argument, readonly TapQueue[]>();
  for (const argument of wanted) {
    const name = keysOf(argument).get("ifname") ?? "";
    const named = queues.get(name);
    if (named === undefined) continue;
    claims.set(argument, named);
    queues.delete(name);
  }
  claimLast(wanted, claims, takeOthers(draft, queues));
  for (const argument of wanted) {
    handOver(draft, argument, claims.get(argument));
  }
};

function opensTap(argument: Argument): boolean {
  const value = keysOf(argument);
  return TYPES.includes(value.get("type") ?? "") &&
    !value.has("fd") && !value.has("fds");
}

/** Without the interfaces whose descriptors the command line names already. */
function takeOthers(
  draft: CommandDraft,
  queues: ReadonlyMap<string, readonly TapQueue[]>,
): (readonly TapQueue[])[] {
  const named = new Set(
    draft.of(...OPTIONS).map((argument) => keysOf(argument)).flatMap((value) =>
      (value.get("fds") ?? value.get("fd") ?? "").split(":")
    ),
  );
  return [...queues.values()].filter((each) =>
    !each.some(({ descriptor }) => named.has(String(descriptor)))
  );
}

/**
 * An interface that the kernel or a helper named is known where it is the
 * only one that is left.
 */
function claimLast(
  wanted: readonly Argument[],
  claims: Map<Argument, readonly TapQueue[]>,
  others: readonly (readonly TapQueue[])[],
): void {
  const [argument, ...moreArguments] = wanted.filter((it) => !claims.has(it));
  const [queues, ...moreQueues] = others;
  if (argument === undefined || queues === undefined) return;
  if (moreArguments.length + moreQueues.length > 0) return;
  claims.set(argument, queues);
}

function handOver(
  draft: CommandDraft,
  argument: Argument,
  queues: readonly TapQueue[] | undefined,
): void {
  const name = shown(argument.words);
  if (queues === undefined) {
    draft.refuse(`Cannot tell which descriptor belongs to "${name}"`, REMEDY);
    return;
  }
  if (queues.some(({ closesOnExec }) => closesOnExec)) {
    draft.refuse(`The tap interface of "${name}" is closed by exec`, REMEDY);
    return;
  }
  const value = keysOf(argument);
  draft.replace(
    argument,
    withValue(argument, withQueues(value, queues).toString()).words,
    reasonFor(value, queues),
  );
}

function withQueues(
  value: OptionValue,
  queues: readonly TapQueue[],
): OptionValue {
  const numbers = queues.map(({ descriptor }) => descriptor).join(":");
  const rest = OF_OPENING.reduce((left, key) => left.without(key), value)
    .with(queues.length > 1 ? "fds" : "fd", numbers);
  return rest.get("type") === "tap" ? rest : rest.with("type", "tap");
}

function reasonFor(value: OptionValue, queues: readonly TapQueue[]): string {
  const why = `interface ${queues[0]?.interface} stays open over the exec, ` +
    "and cannot be opened twice";
  const scripted = value.get("type") === "tap" &&
    value.get("helper") === undefined && value.get("downscript") !== "no";
  return scripted
    ? `${why}; no script will be run for it when the VM ends`
    : why;
}
