/** Queries about the machine: its name, run state, migration and threads. */

import * as v from "valibot";
import { type Query, query } from "./query.ts";
import { count, description, name, threadId } from "./scalars.ts";

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
 * import { queryStatus } from "./mod.ts";
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
 * import { queryMigrate } from "./mod.ts";
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

const cpuInfo = v.object({
  "cpu-index": count,
  "thread-id": threadId,
});
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
