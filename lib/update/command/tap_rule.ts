/**
 * A tap interface whose queues are open cannot be opened again. QEMU opens
 * /dev/net/tun without close-on-exec, so the descriptors stay open in the new
 * program, which only needs their numbers:
 *
 * ```
 * tap,id=net0,ifname=vm0,script=no,vhost=on   ->   tap,id=net0,vhost=on,fd=11
 * tap,id=net0,ifname=vm0,queues=2             ->   tap,id=net0,fds=11:12
 * ```
 *
 * @module
 */

import { type Argument, keysOf, type OptionValue } from "../../cmdline/mod.ts";
import {
  type CommandDraft,
  type Rule,
  shellWords,
  type TapQueue,
} from "./draft.ts";

/** In the order in which QEMU opens their interfaces. */
const OPTIONS = ["netdev", "nic", "net"];
const TYPES = ["tap", "bridge"];

/** Keys that are allowed only for an interface that QEMU opens itself. */
const OF_OPENING = [
  "ifname",
  "script",
  "downscript",
  "br",
  "helper",
  "queues",
  "vnet_hdr",
];

const REMEDY = "Restart the VM with a separate ifname for each tap " +
  "interface, or with its descriptors (fd=)";

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
  claimLast(wanted, claims, unnamedQueues(draft, queues));
  for (const argument of wanted) {
    handOver(draft, argument, claims.get(argument));
  }
};

function opensTap(argument: Argument): boolean {
  const value = keysOf(argument);
  return TYPES.includes(value.get("type") ?? "") &&
    !value.has("fd") && !value.has("fds");
}

/** The interfaces whose descriptors the command line does not name. */
function unnamedQueues(
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
 * An interface that the kernel or a helper named is known if only one is left.
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
  queues: readonly TapQueue[] = [],
): void {
  const value = keysOf(argument);
  const name = shellWords(argument.words);
  const [queue] = queues;
  if (queue === undefined || queues.length !== (value.integer("queues") ?? 1)) {
    draft.refuse(`Cannot tell which descriptors belong to "${name}"`, REMEDY);
  } else if (queues.some(({ closesOnExec }) => closesOnExec)) {
    draft.refuse(`The tap interface of "${name}" is closed by exec`, REMEDY);
  } else {
    draft.setValue(
      argument,
      withDescriptors(value, queues),
      reasonFor(value, queue),
    );
  }
}

function withDescriptors(
  value: OptionValue,
  queues: readonly TapQueue[],
): OptionValue {
  const key = queues.length === 1 ? "fd" : "fds";
  const numbers = queues.map(({ descriptor }) => descriptor).join(":");
  const rest = OF_OPENING.reduce((left, key) => left.without(key), value)
    .with(key, numbers);
  return rest.get("type") === "tap" ? rest : rest.with("type", "tap");
}

function reasonFor(value: OptionValue, queue: TapQueue): string {
  const why = `interface ${queue.interface} stays open over the exec, and ` +
    "cannot be opened twice";
  const scripted = value.get("type") === "tap" &&
    value.get("helper") === undefined && value.get("downscript") !== "no";
  return scripted
    ? `${why}; no script will be run for it when the VM ends`
    : why;
}
