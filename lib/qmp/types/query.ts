/**
 * Queries with typed replies.
 *
 * A reply is checked when it is received. Members that the type does not have
 * are dropped, as a newer QEMU may send more; members that are missing or of
 * another type are a {@linkcode QmpProtocolError} that names them.
 *
 * ```ts
 * import { ask, QUERY_STATUS } from "./mod.ts";
 *
 * const client = {
 *   execute: () => Promise.resolve({ running: true, status: "running" }),
 * };
 * const { running } = await ask(client, QUERY_STATUS);
 * ```
 *
 * This folder is separate from the client because valibot takes some
 * milliseconds to load, which would add to the downtime of a guest.
 *
 * @module
 */

import * as v from "valibot";
import { QmpProtocolError } from "../errors.ts";
import type { Json, JsonObject } from "../json.ts";

/** A query command, and the type of its reply. */
export interface Query<T> {
  readonly command: string;
  readonly reply: v.GenericSchema<unknown, T>;
}

/** Runs commands: a client, or a server in this process. */
export interface Executor {
  execute(command: string, args?: JsonObject): Promise<Json>;
}

/**
 * Runs a query and checks its reply.
 *
 * @throws {QmpProtocolError} if the reply has another shape
 * @throws {QmpError} any error of the executor
 */
export async function ask<T>(
  executor: Executor,
  { command, reply }: Query<T>,
  args?: JsonObject,
): Promise<T> {
  const result = v.safeParse(reply, await executor.execute(command, args), {
    abortEarly: true,
  });
  if (result.success) return result.output;
  const [{ message, path = [] }] = result.issues;
  const member = path.map(({ key }) => String(key)).join(".");
  throw new QmpProtocolError(
    `Cannot understand the answer to "${command}": ` +
      (member === "" ? message : `member "${member}": ${message}`),
  );
}
