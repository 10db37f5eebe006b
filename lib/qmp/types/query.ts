/**
 * Questions with typed answers.
 *
 * A reply is checked where it enters: members that are not described are
 * dropped, so that a newer QEMU may say more; members that are missing or of
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
 * This folder is apart from the client because valibot takes some
 * milliseconds to load, which a program that starts within the downtime
 * has better uses for.
 *
 * @module
 */

import * as v from "valibot";
import { QmpProtocolError } from "../errors.ts";
import type { Json, JsonObject } from "../json.ts";

/** A command that changes nothing, and the shape of its answer. */
export interface Query<T> {
  readonly command: string;
  readonly reply: v.GenericSchema<unknown, T>;
}

/** Whatever runs commands: a client, or a server in this process. */
export interface Executor {
  execute(command: string, args?: JsonObject): Promise<Json>;
}

/**
 * Asks and checks the answer.
 *
 * @throws {QmpProtocolError} if the answer has another shape
 * @throws {QmpError} what the executor throws
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
