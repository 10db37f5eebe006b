/**
 * Settings that a client made at run time, and that are neither on the command
 * line nor in the migration stream: they have to be set again.
 *
 * @module
 */

import {
  type Executor,
  isObject,
  type Json,
  type JsonObject,
  QmpError,
  stringifyJson,
} from "../../qmp/mod.ts";
import { asObject, ifKnown, objectsIn, text } from "./reply.ts";
import { peripherals } from "./peripherals.ts";
import { readTerminals, restoreTerminals, type Terminal } from "./terminals.ts";

/** What an update changes on the source. */
const PARAMETERS: readonly string[] = [
  ...["mode", "cpr-exec-command", "max-bandwidth"],
];
/** Bytes per second, more than any memory has. */
const UNLIMITED = 2 ** 40;
const NOTHING_LIVE: LiveRecord = { writeThresholds: [], balloons: [] };
const CAPABILITIES = ["events", "pause-before-switchover"] as const;

/** Migration settings as the monitor takes them. Plain data. */
export interface SettingsRecord {
  readonly parameters: JsonObject;
  readonly capabilities: Json[];
  /** Other settings that were made at run time. */
  readonly live: LiveRecord;
}

/** The migration settings of a VM, to be restored after an update. */
export class MigrationSettings {
  constructor(readonly record: SettingsRecord) {}

  /** Reads the current settings of a VM. */
  static async read(client: Executor): Promise<MigrationSettings> {
    return new MigrationSettings({
      live: await readLiveSettings(client),
      parameters: await parametersOf(client),
      capabilities: await capabilitiesOf(client),
    });
  }

  /** The settings for an update: cpr-exec with pause-before-switchover. */
  static forUpdate(command: readonly string[]): MigrationSettings {
    return new MigrationSettings({
      live: NOTHING_LIVE,
      parameters: { "mode": "cpr-exec", "cpr-exec-command": [...command] },
      capabilities: CAPABILITIES.map((capability) => ({
        capability,
        state: true,
      })),
    });
  }

  /** The settings for a cpr-transfer. */
  static forTransfer(): MigrationSettings {
    return new MigrationSettings({
      live: NOTHING_LIVE,
      parameters: { "mode": "cpr-transfer" },
      capabilities: CAPABILITIES.map((capability) => ({
        capability,
        state: capability === "events",
      })),
    });
  }

  /**
   * The settings for a live migration on this host: as fast as it can, since
   * memory that the guest writes meanwhile is copied again.
   */
  static forLive({ record }: MigrationSettings): MigrationSettings {
    const { parameters, capabilities } = MigrationSettings.forTransfer().record;
    const hasModes = record.parameters["mode"] !== undefined;
    return new MigrationSettings({
      live: NOTHING_LIVE,
      parameters: {
        ...hasModes ? { ...parameters, "mode": "normal" } : {},
        "max-bandwidth": UNLIMITED,
      },
      capabilities,
    });
  }

  /** Sets them. */
  async set(client: Executor): Promise<void> {
    const { parameters, capabilities } = this.record;
    // Sent together: a program that hangs executes both when it continues.
    await Promise.all([
      client.execute("migrate-set-parameters", parameters),
      client.execute("migrate-set-capabilities", { capabilities }),
    ]);
  }

  /**
   * Restores on the source what the update changed. A failure is only a
   * warning: the VM is where it belongs.
   *
   * @returns the warnings
   */
  async restore(client: Executor): Promise<string[]> {
    const { live, parameters, capabilities } = this.record;
    const changed = new MigrationSettings({
      live,
      parameters: Object.fromEntries(
        Object.entries(parameters).filter(([name]) =>
          PARAMETERS.includes(name)
        ),
      ),
      capabilities: capabilities.filter((it) =>
        CAPABILITIES.some((name) => name === asObject(it)["capability"])
      ),
    });
    return await attempt("Migration settings", () => changed.set(client));
  }

  /**
   * Reopens terminals that were closed for an exec which did not take place.
   *
   * @returns a warning for each that has another name now
   */
  async reopenTerminals(client: Executor): Promise<string[]> {
    return await restoreTerminals(client, this.record.live.terminals ?? []);
  }

  /** Restores all settings on another program, which has its defaults. */
  async restoreAll(client: Executor): Promise<string[]> {
    return [
      ...await attempt("Migration settings", () => this.#setDiffering(client)),
      ...await restoreLiveSettings(client, this.record.live),
    ];
  }

  /** Leaves alone what is as it was: another version may not know it. */
  async #setDiffering(client: Executor): Promise<void> {
    const parameters = await parametersOf(client);
    const capabilities = await capabilitiesOf(client);
    await new MigrationSettings({
      ...this.record,
      parameters: Object.fromEntries(
        Object.entries(this.record.parameters).filter(([name, value]) =>
          parameters[name] !== undefined && !isSame(value, parameters[name])
        ),
      ),
      capabilities: this.record.capabilities.filter((it) => {
        const { capability, state } = asObject(it);
        const now = capabilities.find((now) =>
          now["capability"] === capability
        );
        // Off may mean that another version does not know it.
        return now === undefined ? state === true : !isSame(it, now);
      }),
    }).set(client);
  }
}

function isSame(one: Json, other: Json | undefined): boolean {
  return other !== undefined && stringifyJson(one) === stringifyJson(other);
}

async function parametersOf(client: Executor): Promise<JsonObject> {
  const reply = await client.execute("query-migrate-parameters");
  return isObject(reply) ? reply : {};
}

async function capabilitiesOf(client: Executor): Promise<JsonObject[]> {
  return objectsIn(await client.execute("query-migrate-capabilities"));
}

/** @returns a warning if it fails */
async function attempt(
  what: string,
  work: () => Promise<unknown>,
): Promise<string[]> {
  try {
    await work();
    return [];
  } catch (error) {
    if (!(error instanceof QmpError)) throw error;
    return [`${what} could not be restored: ${error.message}`];
  }
}

/** A block node's write threshold (thin provisioning). */
export interface WriteThreshold {
  readonly node: string;
  /** With `file`, identifies a node whose name QEMU generates. */
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
interface LiveRecord {
  readonly writeThresholds: readonly WriteThreshold[];
  readonly balloons: readonly BalloonPolling[];
  /** Absent in the journal of an older cprctl. */
  readonly terminals?: readonly Terminal[];
  /** Names of block nodes that a client had made inactive. */
  readonly inactive?: readonly string[];
}

const POLLING = "guest-stats-polling-interval";
const BALLOON = /^child<virtio-balloon/;
/** More than a VM has; the rest of a longer reply is ignored. */
const MAXIMUM = 1024;
/** The first character of a name that QEMU generated. */
const GENERATED = "#";

/** Reads the live settings of a VM. */
async function readLiveSettings(
  client: Executor,
): Promise<LiveRecord> {
  const nodes = await blockNodes(client);
  return {
    writeThresholds: thresholdsOf(nodes).slice(0, MAXIMUM),
    balloons: await readBalloons(client),
    terminals: await readTerminals(client),
    inactive: activities(nodes).filter(({ active }) => !active)
      .map(({ name }) => name).slice(0, MAXIMUM),
  };
}

/**
 * Restores the live settings on the program that has the VM now.
 *
 * @returns a warning for each that could not be restored
 */
async function restoreLiveSettings(
  client: Executor,
  { writeThresholds, balloons, terminals = [], inactive = [] }: LiveRecord,
): Promise<string[]> {
  const warnings = await restoreTerminals(client, terminals);
  warnings.push(...await restoreActivities(client, inactive));
  for (const threshold of writeThresholds) {
    warnings.push(
      ...await attempt(
        `The write threshold of block node "${threshold.node}"`,
        () => setThreshold(client, threshold),
      ),
    );
  }
  for (const { path, seconds: value } of balloons) {
    warnings.push(
      ...await attempt(
        `The polling interval of balloon "${path}"`,
        () => client.execute("qom-set", { path, property: POLLING, value }),
      ),
    );
  }
  return warnings;
}

/** QEMU 11.1.2 may leave nodes inactive that no device uses. */
async function restoreActivities(
  client: Executor,
  inactive: readonly string[],
): Promise<string[]> {
  const warnings: string[] = [];
  const problems = await attempt("Inactive block nodes", async () => {
    const nodes = activities(await blockNodes(client));
    // Those of a VM that is paused become active when it runs.
    if (!nodes.some(({ active }) => active)) return;
    for (const { name, active: is } of nodes) {
      const active = !inactive.includes(name);
      if (is === active) continue;
      const given = { "node-name": name, active };
      warnings.push(
        ...await attempt(
          `The ${active ? "active" : "inactive"} state of block node "${name}"`,
          () => client.execute("blockdev-set-active", given),
        ),
      );
    }
  });
  return [...problems, ...warnings];
}

/** Nodes that the user has named; QEMU 10.0 and later report whether active. */
function activities(
  nodes: readonly JsonObject[],
): { name: string; active: boolean }[] {
  return nodes.flatMap((node) => {
    const { active } = node;
    const name = text(node["node-name"]) ?? GENERATED;
    if (name.startsWith(GENERATED) || typeof active !== "boolean") return [];
    return [{ name, active }];
  });
}

async function setThreshold(
  client: Executor,
  wanted: WriteThreshold,
): Promise<void> {
  await client.execute("block-set-write-threshold", {
    "node-name": await currentName(client, wanted),
    "write-threshold": wanted.bytes,
  });
}

/** The node's current name: a generated one changes with each start. */
async function currentName(
  client: Executor,
  { node, driver, file }: WriteThreshold,
): Promise<string> {
  if (!node.startsWith(GENERATED)) return node;
  const alike = (await blockNodes(client))
    .filter((it) => it["drv"] === driver && it["file"] === file);
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

async function readBalloons(client: Executor): Promise<BalloonPolling[]> {
  const found: BalloonPolling[] = [];
  const balloons = await peripherals(client, BALLOON);
  for (const path of balloons.slice(0, MAXIMUM)) {
    const seconds = await ifKnown(
      client.execute("qom-get", { path, property: POLLING }),
    );
    if (typeof seconds === "number" && seconds !== 0) {
      found.push({ path, seconds });
    }
  }
  return found;
}

/** None if the program does not know them. */
async function blockNodes(client: Executor): Promise<JsonObject[]> {
  const query = client.execute("query-named-block-nodes", { flat: true });
  return objectsIn(await ifKnown(query));
}
