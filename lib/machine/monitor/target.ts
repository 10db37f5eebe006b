import type { Json, JsonObject } from "../../qmp/mod.ts";

/** What commands work with. */
export interface MonitorTarget {
  /** Runs a QMP command of this machine. */
  execute(command: string, args?: JsonObject): Promise<Json>;
  /** Resolves when no outgoing migration is under way. */
  migrated(): Promise<void>;
}
