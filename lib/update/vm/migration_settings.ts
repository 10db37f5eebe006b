import {
  type Executor,
  type Json,
  type JsonObject,
  QmpError,
} from "../../qmp/mod.ts";
import {
  giveLiveSettings,
  type LiveRecord,
  readLiveSettings,
} from "./live_settings.ts";
import { asArray, asObject } from "./reply.ts";
import { giveTerminals } from "./terminals.ts";

const PARAMETERS = ["mode", "cpr-exec-command"] as const;
const CAPABILITIES = ["events", "pause-before-switchover"] as const;

/** Migration settings as the monitor takes them. Plain data. */
export interface SettingsRecord {
  readonly parameters: JsonObject;
  readonly capabilities: Json[];
  /** Those that are no migration's. */
  readonly live: LiveRecord;
}

/**
 * The migration settings of a VM that an update needs otherwise, as they were
 * before: whoever migrates the VM next finds them as they left them.
 */
export class MigrationSettings {
  constructor(readonly record: SettingsRecord) {}

  /** What a VM has now. */
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

  /** Those of an update: cpr-exec with pause-before-switchover. */
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

  /** Gives a VM these settings. */
  async set(client: Executor): Promise<void> {
    const { parameters, capabilities } = this.record;
    // At once: a program that hangs has both to do when it goes on.
    await Promise.all([
      client.execute("migrate-set-parameters", parameters),
      client.execute("migrate-set-capabilities", { capabilities }),
    ]);
  }

  /**
   * Gives a VM that is where it has to be its settings back. That this fails
   * is no reason to move it again.
   *
   * @returns a warning; none where it worked
   */
  async giveBack(client: Executor): Promise<string[]> {
    try {
      await this.set(client);
      return [];
    } catch (error) {
      if (!(error instanceof QmpError)) throw error;
      return [`Migration settings could not be given back: ${error.message}`];
    }
  }

  /**
   * Reopens terminals that were closed for an exec which did not take place.
   *
   * @returns a warning for each that has another name now
   */
  async giveTerminals(client: Executor): Promise<string[]> {
    return await giveTerminals(client, this.record.live.terminals ?? []);
  }

  /** The same for a program that has just begun, and has the VM now. */
  async giveAll(client: Executor): Promise<string[]> {
    return [
      ...await this.giveBack(client),
      ...await giveLiveSettings(client, this.record.live),
    ];
  }
}
