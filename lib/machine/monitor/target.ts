import type { Json, JsonObject } from "../../qmp/mod.ts";

/** What commands work with. */
export interface MonitorTarget {
  /** Runs a QMP command of this machine. */
  execute(command: string, args?: JsonObject): Promise<Json>;
  /**
   * Resolves when the outgoing migration does nothing more by itself; not there
   * where a command must answer at once.
   */
  settled?(): Promise<void>;
}
