/** Changes of what devices refer to: objects, network and character devices. */

import type { Json, JsonObject } from "../../../lib/qmp/mod.ts";
import type { Change, ChangedVm } from "./changed_vm.ts";

const LIMITS = [
  ...["bps-total", "bps-read", "iops-total", "iops-write"],
  ...["bps-total-max", "iops-total-max", "iops-size"],
];

function limits(it: ChangedVm): JsonObject {
  const [one, other] = it.random.one([
    ["bps-read", "iops-write"],
    ["bps-total", "bps-total-max"],
    ["iops-total", "iops-size"],
  ]);
  const low = 1 + it.random.below(1000);
  return { [one ?? ""]: low, [other ?? ""]: low + it.random.below(1000) };
}

/** A user network, a new one or an unused one. */
export async function netdev(it: ChangedVm): Promise<string> {
  const unused = it.unused("netdev");
  if (unused.length > 0 && it.chance(0.5)) return it.random.one(unused).id;
  const id = it.name("net");
  const restrict = it.chance(0.3) ? { restrict: true } : {};
  return await it.make("netdev", id, "netdev_add", {
    ...{ type: "user", id },
    ...restrict,
  });
}

/** A character device, a new one or an unused one. */
export async function chardev(it: ChangedVm): Promise<string> {
  const unused = it.unused("chardev");
  if (unused.length > 0 && it.chance(0.5)) return it.random.one(unused).id;
  const id = it.name("char");
  const backend = it.chance(0.5) ? { type: "null", data: {} } : {
    type: "socket",
    data: {
      addr: { type: "unix", data: { path: `${it.images}/${id}` } },
      ...{ server: true, wait: false },
    },
  };
  return await it.make("chardev", id, "chardev-add", { id, backend });
}

/** Shared memory of some kind. */
export async function memory(it: ChangedVm): Promise<string> {
  const id = it.name("mem");
  const type = it.random.one(["ram", "memfd", "shm", "file"]);
  const file = type === "file" ? { "mem-path": `${it.images}/${id}` } : {};
  const merge = it.chance(0.2) ? { merge: false, dump: false } : {};
  return await it.make("memory", id, "object-add", {
    "qom-type": `memory-backend-${type}`,
    ...{ id, size: 128 << 20, share: true },
    ...file,
    ...merge,
  });
}

/** An I/O thread, a new one or any other. */
export async function iothread(it: ChangedVm): Promise<string> {
  if (it.chance(0.5)) return it.oneOf(it.all("iothread")).id;
  const id = it.name("thread");
  const polling = it.chance(0.5) ? { "poll-max-ns": it.random.below(99) } : {};
  const pool = it.chance(0.2) ? { "thread-pool-max": 8 } : {};
  return await it.make("iothread", id, "object-add", {
    ...{ "qom-type": "iothread", id },
    ...polling,
    ...pool,
  });
}

const set = (it: ChangedVm, id: string, property: string, value: Json) =>
  it.run("qom-set", { path: `/objects/${id}`, property, value });

/** Those that an update carries over. */
export const BACK_ENDS: readonly Change[] = [
  { name: "netdev_add", apply: async (it) => void await netdev(it) },
  {
    name: "netdev_del",
    apply: async (it) => {
      const id = it.one("netdev");
      await it.run("netdev_del", { id });
      it.forget(id);
    },
  },
  { name: "chardev-add", apply: async (it) => void await chardev(it) },
  {
    name: "chardev-remove",
    apply: async (it) => {
      const id = it.one("chardev");
      await it.run("chardev-remove", { id });
      it.forget(id);
    },
  },
  { name: "object-add iothread", apply: async (it) => void await iothread(it) },
  {
    name: "object-add throttle-group",
    apply: async (it) => {
      const id = it.name("group");
      await it.make("throttle-group", id, "object-add", {
        ...{ "qom-type": "throttle-group", id },
        ...it.chance(0.7) ? { limits: limits(it) } : {},
      });
    },
  },
  {
    name: "object-add rng",
    apply: async (it) => {
      const id = it.name("rng");
      const type = it.random.one(["rng-builtin", "rng-random"]);
      await it.make("rng", id, "object-add", { "qom-type": type, id });
    },
  },
  {
    name: "object-add memory-backend",
    apply: async (it) => void await memory(it),
  },
  {
    name: "object-del",
    apply: async (it) => {
      const id = it.one("iothread", "throttle-group", "rng", "memory");
      await it.run("object-del", { id });
      it.forget(id);
    },
  },
  {
    name: "qom-set of an iothread",
    apply: async (it) => {
      const { id } = it.oneOf(it.all("iothread"));
      const property = it.random.one([
        ...["poll-max-ns", "poll-grow", "poll-shrink", "aio-max-batch"],
      ]);
      await set(it, id, property, it.random.below(5) * 7);
    },
  },
  {
    name: "qom-set of a throttle group",
    apply: async (it) => {
      const { id } = it.oneOf(it.all("throttle-group"));
      const none = Object.fromEntries(LIMITS.map((name) => [name, 0]));
      await set(it, id, "limits", { ...none, ...limits(it) });
    },
  },
];

/** An object that is refused by a check, and removed again. */
function object(type: string, check: string, given: JsonObject = {}): Change {
  return {
    name: `object-add ${type}`,
    apply: async (it) => {
      const id = it.name("odd");
      await it.run("object-add", { "qom-type": type, id, ...given });
      const undo = async () => void await it.run("object-del", { id });
      return { check, undo };
    },
  };
}

/** Those that are refused by name. */
export const REFUSED_BACK_ENDS: readonly Change[] = [
  object("secret", "objects", { data: "a" }),
  object("authz-simple", "objects", { identity: "a" }),
  object("memory-backend-ram", "memory-backends", { size: 1 << 20 }),
  {
    name: "netdev_add hubport",
    apply: async (it) => {
      const id = it.name("hub");
      await it.run("netdev_add", { type: "hubport", id, hubid: 7 });
      const undo = async () => void await it.run("netdev_del", { id });
      return { check: "netdevs", undo };
    },
  },
  {
    name: "chardev-add ringbuf",
    apply: async (it) => {
      const id = it.name("ring");
      const backend = { type: "ringbuf", data: { size: 4096 } };
      await it.run("chardev-add", { id, backend });
      const undo = async () => void await it.run("chardev-remove", { id });
      return { check: "chardevs", undo };
    },
  },
];
