/**
 * What a VM is asked. Each query is sent once for a moment, and all of a moment
 * at once: the guest may be stopped. On QEMU the replies take some 4 ms for a
 * VM with a dozen devices, half of it for the features of a vCPU.
 *
 * @module
 */

import type { Executor, Json } from "../../qmp/mod.ts";
import { ifKnown, objectsIn, text } from "../vm/reply.ts";
import { readObjects, valuesOf } from "./qom.ts";

type Ask = (client: Executor) => Promise<Json>;

const QUERIES = {
  machine: async (client) => {
    const [machine] = await readObjects(client, ["/machine"]);
    return machine === undefined ? null : valuesOf(machine);
  },
  accelerator: command("query-kvm"),
  vcpus: asVcpus,
  memoryBackends: command("query-memdev"),
  memoryDevices: command("query-memory-devices"),
  drives: command("query-block"),
  nodes: command("query-named-block-nodes", { flat: true }),
  jobs: command("query-jobs"),
  exports: command("query-block-exports"),
  descriptorSets: command("query-fdsets"),
  devices: list("/machine/peripheral"),
  unnamedDevices: list("/machine/peripheral-anon"),
  objects: list("/objects"),
  chardevs: list("/chardevs"),
  // All properties of all devices on buses: qom-list-get needs twenty times as
  // long for them.
  deviceTree: human("info qtree"),
  pci: command("query-pci"),
  backEnds: human("info network"),
} as const satisfies Readonly<Record<string, Ask>>;

/** A query by its name. */
export type QueryName = keyof typeof QUERIES;

/**
 * The replies of one moment; null where the program does not know the query.
 */
export type Replies = Readonly<Partial<Record<QueryName, Json>>>;

/** Nobody changes these. */
const FIXED: readonly QueryName[] = [
  ...["machine", "accelerator", "vcpus", "memoryBackends"] as const,
];

/** An administrator changes these. */
const SETTINGS: readonly QueryName[] = [
  ...["drives", "nodes", "jobs", "exports"] as const,
  ...["backEnds", "descriptorSets"] as const,
  ...["devices", "unnamedDevices", "objects", "chardevs"] as const,
];

/** The guest changes these as well. */
const STATE: readonly QueryName[] = [
  ...["memoryDevices", "deviceTree", "pci"] as const,
];

/** What is asked when; what is fixed need not be asked while the guest waits. */
export const MOMENTS = {
  checked: [...SETTINGS, ...FIXED],
  stopped: [...SETTINGS, ...STATE],
  loaded: [
    ...[...FIXED, ...STATE],
    ...["drives", "nodes", "backEnds", "objects", "chardevs"] as const,
  ],
} as const satisfies Readonly<Record<string, readonly QueryName[]>>;

/** Sends the queries of a moment. */
export async function askAll(
  client: Executor,
  names: readonly QueryName[],
): Promise<Replies> {
  const replies = names.map(async (name) =>
    [name, await QUERIES[name](client)] as const
  );
  return Object.fromEntries(await Promise.all(replies));
}

function command(
  name: string,
  options?: Readonly<Record<string, Json>>,
): Ask {
  return async (client) =>
    await ifKnown(client.execute(name, options && { ...options })) ?? null;
}

function list(path: string): Ask {
  return command("qom-list", { path });
}

function human(line: string): Ask {
  return command("human-monitor-command", { "command-line": line });
}

/** Hot-plugged vCPUs have their own properties; the others share theirs. */
const PLUGGED = /^\/machine\/peripheral(-anon)?\//;

/** The vCPUs, each with its properties as `cpu` if they may be its own. */
async function asVcpus(client: Executor): Promise<Json> {
  const reply = await ifKnown(client.execute("query-cpus-fast"));
  if (reply === undefined) return null;
  const vcpus = objectsIn(reply);
  const first = vcpus.find((it) => !PLUGGED.test(pathOf(it)));
  const read = vcpus.filter((it) => it === first || PLUGGED.test(pathOf(it)));
  const objects = await readObjects(client, read.map(pathOf));
  return vcpus.map((vcpu) => {
    const object = objects[read.indexOf(vcpu)];
    const { "thread-id": _, ...rest } = vcpu;
    return object === undefined ? rest : { ...rest, cpu: valuesOf(object) };
  });
}

function pathOf(vcpu: Readonly<Record<string, Json>>): string {
  return text(vcpu["qom-path"]) ?? "";
}
