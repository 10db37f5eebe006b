import {
  type Executor,
  type Json,
  type JsonObject,
  QmpError,
} from "../../qmp/mod.ts";
import {
  type LiveRecord,
  readLiveSettings,
  restoreLiveSettings,
} from "./live_settings.ts";
import { asArray, asObject } from "./reply.ts";
import { restoreTerminals } from "./terminals.ts";

const PARAMETERS = ["mode", "cpr-exec-command"] as const;
const CAPABILITIES = ["events", "pause-before-switchover"] as const;

/** Migration settings as the monitor takes them. Plain data. */
export interface SettingsRecord {
  readonly parameters: JsonObject;
  readonly capabilities: Json[];
  /** Other settings that were made at run time. */
  readonly live: LiveRecord;
}

/** The migration settings that an update changes, to be restored after it. */
export class MigrationSettings {
  constructor(readonly record: SettingsRecord) {}

  /** Reads the current settings of a VM. */
  static async read(client: Executor): Promise<MigrationSettings> {
    const parameters = asObject(
      await client.execute("query-migrate-parameters"),
    );
    const capabilities = asArray(
      await client.execute("query-migrate-capabilities"),
    ).map(asObject);
    return new MigrationSettings({
      live: await readLiveSettings(client),
      parameters: Object.fromEntries(PARAMETERS.flatMap((name) => {
        const value = parameters[name];
        return value === undefined ? [] : [[name, value]];
      })),
      capabilities: CAPABILITIES.map((capability) => ({
        capability,
        state: capabilities.some((it) =>
          it["capability"] === capability && it["state"] === true
        ),
      })),
    });
  }

  /** The settings for an update: cpr-exec with pause-before-switchover. */
  static forUpdate(command: readonly string[]): MigrationSettings {
    return new MigrationSettings({
      live: { writeThresholds: [], balloons: [] },
      parameters: { "mode": "cpr-exec", "cpr-exec-command": [...command] },
      capabilities: CAPABILITIES.map((capability) => ({
        capability,
        state: true,
      })),
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
   * Restores the migration settings. A failure is only a warning: the VM is
   * where it belongs.
   *
   * @returns the warnings
   */
  async restore(client: Executor): Promise<string[]> {
    try {
      await this.set(client);
      return [];
    } catch (error) {
      if (!(error instanceof QmpError)) throw error;
      return [`Migration settings could not be restored: ${error.message}`];
    }
  }

  /**
   * Reopens terminals that were closed for an exec which did not take place.
   *
   * @returns a warning for each that has another name now
   */
  async reopenTerminals(client: Executor): Promise<string[]> {
    return await restoreTerminals(client, this.record.live.terminals ?? []);
  }

  /** The same on another program, with the live settings. */
  async restoreAll(client: Executor): Promise<string[]> {
    return [
      ...await this.restore(client),
      ...await restoreLiveSettings(client, this.record.live),
    ];
  }
}
