import type { Json, JsonObject } from "../../qmp/mod.ts";

/** The machine, as commands of the human monitor need it. */
export interface MonitorTarget {
  /** Runs a QMP command of this machine. */
  execute(command: string, args?: JsonObject): Promise<Json>;
  /**
   * Resolves when no outgoing migration is active; undefined if a command must
   * not wait.
   */
  settled?(): Promise<void>;
}
