/**
 * What a VM is asked. Each query is sent once for a moment, and all of a moment
 * at once: the guest may be stopped. QEMU takes some 0.5 ms for a command that
 * does nothing, so objects of the QOM tree are read by one.
 *
 * @module
 */

import type { Executor, Json, JsonObject } from "../../qmp/mod.ts";
import { ifKnown, objectsIn, text } from "../vm/reply.ts";
import { listOf, readObjects, readTogether, valuesOf } from "./qom.ts";

/**
 * Sends a query.
 *
 * @param vcpus the paths that vCPUs probably have
 */
type Ask = (client: Executor, vcpus: readonly string[]) => Promise<Json>;

/** Objects of the QOM tree, by their paths. */
const OBJECTS = {
  machine: "/machine",
  devices: "/machine/peripheral",
  unnamedDevices: "/machine/peripheral-anon",
  objects: "/objects",
  chardevs: "/chardevs",
} as const satisfies Readonly<Record<string, string>>;

const QUERIES = {
  accelerator: command("query-kvm"),
  vcpus: asVcpus,
  memoryBackends: command("query-memdev"),
  memoryDevices: command("query-memory-devices"),
  drives: command("query-block"),
  nodes: command("query-named-block-nodes", { flat: true }),
  jobs: command("query-jobs"),
  exports: command("query-block-exports"),
  descriptorSets: command("query-fdsets"),
  // All properties of all devices on buses: qom-list-get needs twenty times as
  // long for them.
  deviceTree: human("info qtree"),
  pci: command("query-pci"),
  backEnds: human("info network"),
} as const satisfies Readonly<Record<string, Ask>>;

/** A query by its name. */
export type QueryName = ObjectName | keyof typeof QUERIES;
type ObjectName = keyof typeof OBJECTS;

/**
 * The replies of one moment; null where the program does not know the query.
 */
export type Replies = Readonly<Partial<Record<QueryName, Json>>>;

/** These stay the same during an update. */
const FIXED: readonly QueryName[] = [
  ...["machine", "accelerator", "vcpus", "memoryBackends"] as const,
];

/** What devices are connected to. An administrator changes these. */
const BACK_ENDS: readonly QueryName[] = [
  ...["drives", "nodes", "backEnds", "objects", "chardevs"] as const,
];

/** All whose loss would go unnoticed: the guest would have others. */
const ESSENTIAL: readonly QueryName[] = [
  ...BACK_ENDS,
  ...["jobs", "exports"] as const,
  ...["devices", "unnamedDevices"] as const,
];

/** An administrator changes these as well. */
const SETTINGS: readonly QueryName[] = [...ESSENTIAL, "descriptorSets"];

/** Devices as the guest has set them up. */
const STATE: readonly QueryName[] = [
  ...["memoryDevices", "deviceTree", "pci"] as const,
];

/**
 * What is asked when. The guest waits for the last: what loading the VM does not
 * change is asked before.
 */
export const MOMENTS = {
  checked: [...SETTINGS, ...FIXED],
  stopped: [...SETTINGS, ...STATE],
  saved: ESSENTIAL,
  started: [...FIXED, ...BACK_ENDS],
  loaded: STATE,
} as const satisfies Readonly<Record<string, readonly QueryName[]>>;

/**
 * Sends the queries of a moment.
 *
 * @param like of the same VM: where it has its vCPUs is asked right away
 */
export async function askAll(
  client: Executor,
  names: readonly QueryName[],
  like: Replies = {},
): Promise<Replies> {
  const vcpus = pathsToRead(objectsIn(like.vcpus));
  const [objects, ...others] = await Promise.all([
    askObjects(client, names.filter(isObjectName)),
    ...names.filter((name) => !isObjectName(name))
      .map(async (name) => [name, await QUERIES[name](client, vcpus)] as const),
  ]);
  return Object.fromEntries([...objects, ...others]);
}

function isObjectName(name: QueryName): name is ObjectName {
  return name in OBJECTS;
}

/** Reads them by one command, or by one each where that is not known. */
async function askObjects(
  client: Executor,
  names: readonly ObjectName[],
): Promise<[ObjectName, Json][]> {
  const paths = names.map((name) => OBJECTS[name]);
  const found = await readTogether(client, paths);
  return await Promise.all(
    names.map(async (name, index): Promise<[ObjectName, Json]> => {
      if (name !== "machine") {
        const object = found?.[index];
        return [
          name,
          object ? listOf(object) : await list(client, OBJECTS[name]),
        ];
      }
      const [machine] = found?.slice(index) ??
        await readObjects(client, [OBJECTS[name]]);
      return [name, machine === undefined ? null : valuesOf(machine)];
    }),
  );
}

function command(
  name: string,
  options?: Readonly<Record<string, Json>>,
): Ask {
  return async (client) =>
    await ifKnown(client.execute(name, options && { ...options })) ?? null;
}

async function list(client: Executor, path: string): Promise<Json> {
  return await ifKnown(client.execute("qom-list", { path })) ?? null;
}

function human(line: string): Ask {
  return command("human-monitor-command", { "command-line": line });
}

/** Hot-plugged vCPUs have their own properties; the others share theirs. */
const PLUGGED = /^\/machine\/peripheral(-anon)?\//;

/** The vCPUs, each with its properties as `cpu` if they may be its own. */
async function asVcpus(
  client: Executor,
  expected: readonly string[],
): Promise<Json> {
  const [reply, early] = await Promise.all([
    ifKnown(client.execute("query-cpus-fast")),
    expected.length === 0 ? undefined : readTogether(client, expected),
  ]);
  if (reply === undefined) return null;
  const vcpus = objectsIn(reply);
  const paths = pathsToRead(vcpus);
  const isExpected = paths.join() === expected.join();
  const objects = isExpected && early !== undefined
    ? early
    : await readObjects(client, paths);
  return vcpus.map((vcpu) => {
    const object = objects[paths.indexOf(pathOf(vcpu))];
    const { "thread-id": _, ...rest } = vcpu;
    return object === undefined ? rest : { ...rest, cpu: valuesOf(object) };
  });
}

/** The paths of the vCPUs whose properties may be their own. */
function pathsToRead(vcpus: readonly JsonObject[]): string[] {
  const first = vcpus.find((it) => !PLUGGED.test(pathOf(it)));
  return vcpus.filter((it) => it === first || PLUGGED.test(pathOf(it)))
    .map(pathOf);
}

function pathOf(vcpu: JsonObject): string {
  return text(vcpu["qom-path"]) ?? "";
}
