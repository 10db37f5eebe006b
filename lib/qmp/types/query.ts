/**
 * Queries with typed replies.
 *
 * A reply is checked when it is received. Members that the type does not have
 * are dropped, as a newer QEMU may send more; members that are missing or of
 * another type are a {@linkcode QmpProtocolError} that names them.
 *
 * This folder is separate from the client because valibot takes some
 * milliseconds to load, which would add to the downtime of a guest.
 *
 * @module
 */

import * as v from "valibot";
import { QmpProtocolError } from "../errors.ts";
import type { ExecuteOptions, Executor } from "../executor.ts";

/**
 * Runs a query and checks its reply.
 *
 * @throws {QmpProtocolError} if the reply has another shape
 * @throws {QmpError} any error of the executor
 */
export type Query<T> = (
  executor: Executor,
  options?: ExecuteOptions,
) => Promise<T>;

/** Makes a query of a command without arguments. */
export function query<T>(
  command: string,
  reply: v.GenericSchema<unknown, T>,
): Query<T> {
  return async (executor, options) => {
    const answer = await executor.execute(command, undefined, options);
    const result = v.safeParse(reply, answer, { abortEarly: true });
    if (result.success) return result.output;
    const [{ message, path = [] }] = result.issues;
    const member = path.map(({ key }) => String(key)).join(".");
    throw new QmpProtocolError(
      `Cannot understand the answer to "${command}": ` +
        (member === "" ? message : `member "${member}": ${message}`),
    );
  };
}
