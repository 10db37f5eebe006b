/**
 * Queries with typed replies.
 *
 * A reply is checked when it is received. Members that the type does not have
 * are dropped, as a newer QEMU may send more; members that are missing or of
 * another type are a {@linkcode QmpProtocolError} that names them.
 *
 * This file is separate from the client because valibot takes some
 * milliseconds to load, which would add to the downtime of a guest.
 *
 * @module
 */

import * as v from "valibot";
import { clipped } from "../inert.ts";
import { LONGEST_DESCRIPTION, LONGEST_NAME } from "./messages.ts";
import { QmpProtocolError } from "./errors.ts";
import type { ExecuteOptions, Executor } from "./executor.ts";

/** A non-negative integer. */
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));

/** The id of a process or thread of the host. */
const threadId = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

/** A name that is shown; a longer one than QEMU has is clipped. */
const name = v.pipe(
  v.string(),
  v.transform((text) => clipped(text, LONGEST_NAME)),
);

/** A sentence that is shown; a longer one than QEMU has is clipped. */
const description = v.pipe(
  v.string(),
  v.transform((text) => clipped(text, LONGEST_DESCRIPTION)),
);

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
function query<T>(
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

const statusInfo = v.object({
  running: v.boolean(),
  /** A RunState; a newer QEMU may have more of them. */
  status: name,
});
export type StatusInfo = v.InferOutput<typeof statusInfo>;

/**
 * The run state (`query-status`).
 *
 * @example
 * ```ts
 * import { queryStatus } from "./queries.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const client = {
 *   execute: () => Promise.resolve({ running: false, status: "paused" }),
 * };
 * const { running, status } = await queryStatus(client);
 * assertEquals([running, status], [false, "paused"]);
 * ```
 */
export const queryStatus: Query<StatusInfo> = query("query-status", statusInfo);

const migrationInfo = v.object({
  /** A MigrationStatus; absent if there has been no migration. */
  status: v.optional(name),
  /** Why the migration failed. */
  "error-desc": v.optional(description),
  /** What blocks a migration in the current mode. */
  "blocked-reasons": v.optional(v.array(description)),
});
export type MigrationInfo = v.InferOutput<typeof migrationInfo>;

/**
 * The last migration, and what blocks the next (`query-migrate`).
 *
 * @example
 * ```ts
 * import { queryMigrate } from "./queries.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const client = { execute: () => Promise.resolve({ status: "completed" }) };
 * assertEquals((await queryMigrate(client)).status, "completed");
 * ```
 */
export const queryMigrate: Query<MigrationInfo> = query(
  "query-migrate",
  migrationInfo,
);

const nameInfo = v.object({ name: v.optional(name) });
export type NameInfo = v.InferOutput<typeof nameInfo>;

/** The name of the VM, absent without one (`query-name`). */
export const queryName: Query<NameInfo> = query("query-name", nameInfo);

const cpuInfo = v.object({ "cpu-index": count, "thread-id": threadId });
export type CpuInfo = v.InferOutput<typeof cpuInfo>;

/** The vCPUs and their threads (`query-cpus-fast`). */
export const queryCpusFast: Query<CpuInfo[]> = query(
  "query-cpus-fast",
  v.array(cpuInfo),
);

const ioThreadInfo = v.object({ id: v.string(), "thread-id": threadId });
export type IoThreadInfo = v.InferOutput<typeof ioThreadInfo>;

/** The I/O threads (`query-iothreads`). */
export const queryIoThreads: Query<IoThreadInfo[]> = query(
  "query-iothreads",
  v.array(ioThreadInfo),
);
