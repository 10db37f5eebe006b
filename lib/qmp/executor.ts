import type { Patience } from "./deadline.ts";
import type { Json, JsonObject } from "./json.ts";

/** Options of a command. */
export interface ExecuteOptions extends Partial<Patience> {
  /** Descriptors to send with it, as for `getfd` and `add-fd`. */
  readonly descriptors?: readonly number[];
}

/** Runs commands: a client, or a server in this process. */
export interface Executor {
  /**
   * Runs a command.
   *
   * @returns the value of its reply
   */
  execute(
    command: string,
    args?: JsonObject,
    options?: ExecuteOptions,
  ): Promise<Json>;
}
