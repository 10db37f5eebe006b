/**
 * What devices refer to: objects, character devices and network back ends.
 *
 * @module
 */

import {
  type Argument,
  keysOf,
  KeyvalText,
  type OptionValue,
} from "../../cmdline/mod.ts";
import { openedVhosts, vhostDescriptors } from "../command/vhost_rule.ts";
import type { JsonObject } from "../../qmp/mod.ts";
import { asObject, ifKnown, text } from "../vm/reply.ts";
import { type BackEnd, backEndsIn } from "../vm/info_network.ts";
import { CannotCarry, type CarryWork } from "./work.ts";

const MADE = "created at run time";
const WHOSE_VHOST = "QEMU does not report whether it uses vhost";
const SET = "set at run time";
const REMADE = "removed, and created again at run time";

/** Brings -object, -chardev and -netdev up to date. */
export async function carryBackEnds(work: CarryWork): Promise<void> {
  await carryObjects(work);
  await carryCharacterDevices(work);
  await carryNetworkBackEnds(work);
}

/** QEMU creates these for other options, and will do so again. */
export const IMPLIED_OBJECTS = /^monitor-/;

const MEMORY = ["size", "share", "merge", "dump", "reserve"];
/** The properties that describe an object of each type, besides its id. */
const OBJECT_KEYS: Readonly<Record<string, readonly string[]>> = {
  "iothread": [
    ...["poll-max-ns", "poll-grow", "poll-shrink", "poll-weight"],
    ...["aio-max-batch", "thread-pool-min", "thread-pool-max"],
  ],
  "throttle-group": ["limits"],
  "rng-random": ["filename"],
  "rng-builtin": [],
  "memory-backend-ram": MEMORY,
  "memory-backend-shm": MEMORY,
  "memory-backend-memfd": [...MEMORY, "hugetlb", "hugetlbsize", "seal"],
  "memory-backend-file": [
    ...[...MEMORY, "mem-path", "align", "discard-data", "offset"],
    ...["pmem", "readonly", "rom"],
  ],
};

async function carryObjects(work: CarryWork): Promise<void> {
  const { draft, inventory } = work;
  const live = await inventory.children("/objects");
  work.removeGone("object", new Set(live.map(({ name }) => name)));
  const machine = await inventory.knownProperty("/machine", "memory-backend");
  for (const { name, path, type } of live) {
    const argument = work.argument("object", name);
    if (argument !== undefined) {
      const before = keysOf(argument);
      const now = await settingsNow(work, path, type, before);
      if (String(now) !== String(before)) draft.setValue(argument, now, SET);
      continue;
    }
    if (IMPLIED_OBJECTS.test(type) || machine === path) continue;
    await work.attempt(name, async () => {
      const value = await objectArguments(work, path, type);
      work.add("object", { "qom-type": type, id: name, ...value }, MADE);
    });
  }
}

async function objectArguments(
  { inventory }: CarryWork,
  path: string,
  type: string,
): Promise<JsonObject> {
  const keys = OBJECT_KEYS[type];
  if (keys === undefined) {
    throw new CannotCarry(
      type.startsWith("secret")
        ? "anyone could read a secret on a command line"
        : `QEMU does not report the options of an object of type "${type}"`,
    );
  }
  const given: JsonObject = {};
  for (const key of keys) {
    const value = await inventory.knownProperty(path, key);
    if (value !== undefined) given[key] = value;
  }
  if (given["hugetlb"] === false) delete given["hugetlbsize"];
  const policy = await inventory.knownProperty(path, "policy");
  if (policy !== undefined && policy !== "default") {
    const nodes = await inventory.knownProperty(path, "host-nodes");
    Object.assign(given, { policy, "host-nodes": nodes ?? [] });
  }
  return given;
}

/**
 * The defaults of what qom-set can change in an iothread.
 *
 * @param hasWeight whether it has the property poll-weight: the versions that
 * brought it also have other defaults
 */
export function iothreadDefaults(
  hasWeight: boolean,
): Readonly<Record<string, number>> {
  return {
    "poll-max-ns": 32_768,
    ...hasWeight
      ? { "poll-grow": 2, "poll-shrink": 2, "poll-weight": 3 }
      : { "poll-grow": 0, "poll-shrink": 0 },
    ...{ "aio-max-batch": 0, "thread-pool-min": 0, "thread-pool-max": 64 },
  };
}
/** In seconds, 1 by default; the default of every other limit is none. */
export const LENGTH = /-max-length$/;

/** The value of an -object with what was set since the start. */
async function settingsNow(
  { inventory }: CarryWork,
  path: string,
  type: string,
  before: OptionValue,
): Promise<OptionValue> {
  let value = before;
  if (type === "iothread") {
    const weight = await inventory.knownProperty(path, "poll-weight");
    const defaults = iothreadDefaults(weight !== undefined);
    for (const [name, standard] of Object.entries(defaults)) {
      const is = await inventory.knownProperty(path, name);
      if (typeof is !== "number") continue;
      if (is !== (value.integer(name) ?? standard)) {
        value = value.with(name, is);
      }
    }
  } else if (type === "throttle-group") {
    const limits = asObject(await inventory.knownProperty(path, "limits"));
    for (const [name, is] of Object.entries(limits)) {
      // QEMU reads no nested keys here unless the option is JSON.
      const nested = `limits.${name}`;
      const key = value.has(nested) ? nested : `x-${name}`;
      const was = value.integer(key) ?? (LENGTH.test(name) ? 1 : 0);
      if (typeof is === "number" && is !== was) value = value.with(key, is);
    }
  }
  return value;
}

/**
 * Labels that QEMU gives to back ends of other options than -chardev; those
 * with a "#" are implicit.
 */
export const IMPLIED_CHARDEVS =
  /^(#.*|(serial|parallel|compat_monitor|vc)\d*(-base)?|gdb|debugcon|qtest|braille)$/;
/** Ends the label of the back end below a multiplexer. */
export const BASE = "-base";

async function carryCharacterDevices(work: CarryWork): Promise<void> {
  const live = await work.inventory.list("query-chardev");
  const labels = new Set(live.map(({ label }) => text(label) ?? ""));
  work.removeGone("chardev", labels);
  for (const { label, filename } of live) {
    const id = text(label) ?? "";
    if (
      IMPLIED_CHARDEVS.test(id) || id.endsWith(BASE) ||
      work.argument("chardev", id) !== undefined
    ) continue;
    await work.attempt(id, async () => {
      const value = await chardevArguments(work, id, text(filename) ?? "");
      work.addText("chardev", String(value), MADE);
    });
  }
}

/** -chardev takes no JSON, so an id with special characters is refused. */
const PLAIN = /^[\w./@+-]+$/;

async function chardevArguments(
  { inventory }: CarryWork,
  id: string,
  filename: string,
): Promise<OptionValue> {
  if (!PLAIN.test(id)) throw new CannotCarry("its id is unusual");
  if (filename === "null") {
    return KeyvalText.parse("null", "backend").with("id", id);
  }
  const address = await inventory.knownProperty(`/chardevs/${id}`, "addr");
  const { type, path } = asObject(address);
  const isPlainServer = /^(disconnected:)?unix:[^,]*,server=on( <-> .*)?$/
    .test(filename);
  if (
    isPlainServer && type === "unix" && typeof path === "string" &&
    PLAIN.test(path)
  ) {
    return KeyvalText.parse("socket", "backend").with("id", id)
      .with("path", path).with("server", true).with("wait", false);
  }
  throw new CannotCarry("QEMU does not report its options");
}

async function carryNetworkBackEnds(work: CarryWork): Promise<void> {
  const lines = await ifKnown(work.inventory.human("info network"));
  if (lines === undefined) return;
  const userNetworks = await userNetworksOf(work);
  const live = backEndsIn(lines).toSorted((a, b) =>
    userNetworks.indexOf(a.name) - userNetworks.indexOf(b.name)
  );
  work.removeGone("netdev", new Set(live.map(({ name }) => name)));
  const others = new Set(
    work.draft.of("nic", "net").flatMap((it) => {
      const value = keysOf(it);
      return [value.get("id"), value.get("name")];
    }),
  );
  removeRemade(
    work,
    userNetworks.filter((it) => !it.startsWith("#") && !others.has(it)),
  );
  const isLater = ({ name, facts }: BackEnd) =>
    facts.get("type") === USER && (name.startsWith("#") || others.has(name));
  const hasNone = work.draft.of("netdev", "nic", "net").length === 0;
  const made = live.filter(({ name }) =>
    !name.startsWith("#") && !others.has(name) &&
    work.argument("netdev", name) === undefined
  );
  const taps = made.filter(isTapQueue);
  for (const [name, queues] of Map.groupBy(made, (it) => it.name)) {
    await work.attempt(name, () => {
      const [{ facts }] = queues as [BackEnd];
      const isTap = queues.every(isTapQueue);
      // QEMU makes all -netdev before these, and drops the default network.
      if ((!isTap || hasNone) && live.some(isLater)) {
        throw new CannotCarry("the VM has a user network without -netdev");
      }
      if (isTap) carryTap(work, name, taps);
      else work.addText("netdev", String(userArguments(name, facts)), MADE);
      work.unknown.push(
        `options of network back end "${name}" other than its type`,
      );
    });
  }
}

/**
 * Removes the arguments of user networks that were removed, and made again with
 * the same id: they come after all others now, and may have other options.
 *
 * @param names in the order in which they were made
 */
function removeRemade(work: CarryWork, names: readonly string[]): void {
  // QEMU creates those given in JSON before the others.
  const inJson = (argument: Argument) => argument.words[1]?.startsWith("{");
  let next = work.draft.of("netdev").toSorted((a, b) =>
    Number(inJson(b) ?? false) - Number(inJson(a) ?? false)
  );
  let isNew = false;
  for (const name of names) {
    const argument = work.argument("netdev", name);
    const place = argument === undefined ? -1 : next.indexOf(argument);
    isNew ||= place < 0;
    next = next.slice(place + 1);
    if (isNew && argument !== undefined) work.draft.remove(argument, REMADE);
  }
}

function isTapQueue({ facts }: BackEnd): boolean {
  return facts.get("type") === "tap";
}

/**
 * A tap interface stays open over the exec if QEMU opened it. One that QEMU was
 * given over a monitor does not, so it is sent again.
 *
 * @param taps the queues of all that were created at run time
 */
function carryTap(
  work: CarryWork,
  id: string,
  taps: readonly BackEnd[],
): void {
  const queues = taps.filter((it) => it.name === id);
  const vhost = vhostOf(work, id, taps);
  const type = "tap";
  const [first] = queues;
  const name = first?.facts.get("ifname");
  if (name !== undefined) {
    if (vhost.length > 0) throw new CannotCarry(WHOSE_VHOST);
    // The descriptors take the place of these.
    const options = {
      ifname: name,
      downscript: first?.facts.get("downscript") ?? "no",
      queues: queues.length,
    };
    work.add("netdev", { type, id, ...options }, MADE);
    return;
  }
  const numbers = queues.map(({ facts }) => Number(facts.get("fd") ?? NaN));
  const open = numbers.map((number) =>
    work.live.taps.find(({ descriptor }) => descriptor === number)
  );
  if (open.includes(undefined)) {
    throw new CannotCarry("QEMU does not report which interface it uses");
  }
  const key = numbers.length === 1 ? "fd" : "fds";
  if (open.every((it) => it?.closesOnExec === false)) {
    if (vhost.length > 0) throw new CannotCarry(WHOSE_VHOST);
    work.add("netdev", { type, id, [key]: numbers.join(":") }, MADE);
    return;
  }
  work.addCommand("netdev_add", {
    ...{ type, id, [key]: sent(work, numbers) },
    ...vhost.length > 0 ? { [`vhost${key}`]: sent(work, vhost) } : {},
  });
  work.sentNetdevs.add(id);
}

/** Sends descriptors, and tells their names. */
function sent(work: CarryWork, numbers: readonly number[]): string {
  return numbers.map((number) => {
    const fdname = `cprctl-${number}`;
    work.addCommand("getfd", { fdname }, number);
    return fdname;
  }).join(":");
}

/**
 * The vhost descriptors of a tap interface that was created at run time; none if
 * it does without. QEMU does not report it: either all of them have vhost, or none.
 * Which one is whose makes no difference, since the next program gets others.
 */
function vhostOf(
  { draft, live }: CarryWork,
  id: string,
  taps: readonly BackEnd[],
): number[] {
  const named = vhostDescriptors(draft.arguments);
  const unnamed = live.vhostNets.filter((it) => !named.includes(it));
  const left = unnamed.length - openedVhosts(draft.arguments);
  if (left === 0) return [];
  if (left !== taps.length) throw new CannotCarry(WHOSE_VHOST);
  const all = unnamed.slice(0, left);
  const [problem] = all.flatMap((it) => live.vhostProblem(it) ?? []);
  if (problem !== undefined) throw new CannotCarry(problem.message);
  return taps.flatMap(({ name }, at) => name === id ? all[at] ?? [] : []);
}

const USER = "user";
/** The heading above the connections of a user network. */
const USER_NETWORK = /^\w+ -?\d+ \((.+)\):$/;

/**
 * The names of user networks in the order of their creation. A saved state does
 * not name them, so the destination has to create them in the same order.
 */
async function userNetworksOf({ inventory }: CarryWork): Promise<string[]> {
  const lines = await ifKnown(inventory.human("info usernet")) ?? [];
  return lines.flatMap((line) => USER_NETWORK.exec(line)?.[1] ?? []);
}

const DEFAULT_NET = "10.0.2.0";

/** As text: QEMU makes all back ends in JSON before those. */
function userArguments(id: string, facts: BackEnd["facts"]): OptionValue {
  const type = facts.get("type");
  if (type !== USER) {
    throw new CannotCarry(
      "QEMU does not report the options of a network back end of type " +
        `"${type}"`,
    );
  }
  if (facts.get("net") !== DEFAULT_NET) {
    throw new CannotCarry("QEMU does not report the mask of its network");
  }
  const value = KeyvalText.parse(USER, "type").with("id", id);
  return facts.get("restrict") === "on" ? value.with("restrict", true) : value;
}
