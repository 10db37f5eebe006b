/**
 * What a client set in a running program, which no command line says and no
 * state has: a new program begins without it.
 *
 * @module
 */

import {
  type Executor,
  isObject,
  type Json,
  type JsonObject,
  QmpCommandError,
  QmpError,
} from "../../qmp/mod.ts";
import { asArray, text } from "./reply.ts";
import { giveTerminals, readTerminals, type Terminal } from "./terminals.ts";

/** At which offset of a node a write is to be told of (thin provisioning). */
export interface WriteThreshold {
  readonly node: string;
  /** Tells a node whose name is made up anew at each start. */
  readonly driver: string;
  readonly file: string;
  readonly bytes: number;
}

/** How often a balloon asks its guest for statistics. */
export interface BalloonPolling {
  /** In the QOM tree. */
  readonly path: string;
  readonly seconds: number;
}

/** Live settings. Plain data. */
export interface LiveRecord {
  readonly writeThresholds: readonly WriteThreshold[];
  readonly balloons: readonly BalloonPolling[];
  /** Absent where an older cprctl read them. */
  readonly terminals?: readonly Terminal[];
}

const POLLING = "guest-stats-polling-interval";
const BALLOON = /^child<virtio-balloon/;
const DEVICES = ["/machine/peripheral", "/machine/peripheral-anon"];
/** No VM has more of them; one that says so is not followed. */
const MOST = 1024;
/** QEMU makes such names up where none was given. */
const MADE_UP = "#";

/** What a VM has now. */
export async function readLiveSettings(
  client: Executor,
): Promise<LiveRecord> {
  const [nodes, ...devices] = await Promise.all([
    ask(client, "query-named-block-nodes", { flat: true }),
    ...DEVICES.map((path) => balloonsIn(client, path)),
  ]);
  return {
    writeThresholds: thresholdsOf(nodes).slice(0, MOST),
    balloons: devices.flat().slice(0, MOST),
    terminals: await readTerminals(client),
  };
}

/**
 * Gives a program that has the VM what the one before it had.
 *
 * @returns warnings; none where all is as it was
 */
export async function giveLiveSettings(
  client: Executor,
  { writeThresholds, balloons, terminals = [] }: LiveRecord,
): Promise<string[]> {
  const warnings = await giveTerminals(client, terminals);
  const attempt = async (what: string, work: () => Promise<unknown>) => {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof QmpError)) throw error;
      warnings.push(`${what} could not be given back: ${error.message}`);
    }
  };
  for (const threshold of writeThresholds) {
    await attempt(
      `The write threshold of block node "${threshold.node}"`,
      () => setThreshold(client, threshold),
    );
  }
  for (const { path, seconds } of balloons) {
    await attempt(
      `The polling interval of balloon "${path}"`,
      () =>
        client.execute("qom-set", { path, property: POLLING, value: seconds }),
    );
  }
  return warnings;
}

async function setThreshold(
  client: Executor,
  wanted: WriteThreshold,
): Promise<void> {
  await client.execute("block-set-write-threshold", {
    "node-name": await nameNow(client, wanted),
    "write-threshold": wanted.bytes,
  });
}

/** Of a node whose name was made up, the name of the only one that is alike. */
async function nameNow(
  client: Executor,
  { node, driver, file }: WriteThreshold,
): Promise<string> {
  if (!node.startsWith(MADE_UP)) return node;
  const nodes = await ask(client, "query-named-block-nodes", { flat: true });
  const alike = nodes.filter((it) =>
    it["drv"] === driver && it["file"] === file
  );
  return alike.length === 1 ? text(alike[0]?.["node-name"]) ?? node : node;
}

function thresholdsOf(nodes: readonly JsonObject[]): WriteThreshold[] {
  return nodes.flatMap((node) => {
    const bytes = node["write_threshold"];
    if (typeof bytes !== "number" || bytes === 0) return [];
    return [{
      node: text(node["node-name"]) ?? "",
      driver: text(node["drv"]) ?? "",
      file: text(node["file"]) ?? "",
      bytes,
    }];
  });
}

async function balloonsIn(
  client: Executor,
  parent: string,
): Promise<BalloonPolling[]> {
  const found: BalloonPolling[] = [];
  const children = await ask(client, "qom-list", { path: parent });
  const balloons = children.filter(({ type }) =>
    BALLOON.test(text(type) ?? "")
  );
  for (const { name } of balloons.slice(0, MOST)) {
    const path = `${parent}/${text(name)}`;
    const seconds = await valueOf(client, path);
    if (typeof seconds === "number" && seconds !== 0) {
      found.push({ path, seconds });
    }
  }
  return found;
}

async function valueOf(
  client: Executor,
  path: string,
): Promise<Json | undefined> {
  try {
    return await client.execute("qom-get", { path, property: POLLING });
  } catch (error) {
    if (error instanceof QmpCommandError) return undefined;
    throw error;
  }
}

/** The objects of an answer; none from a program that does not know it. */
async function ask(
  client: Executor,
  command: string,
  words: JsonObject,
): Promise<JsonObject[]> {
  try {
    return asArray(await client.execute(command, words)).filter(isObject);
  } catch (error) {
    if (error instanceof QmpCommandError) return [];
    throw error;
  }
}
