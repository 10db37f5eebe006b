/** Queries about the machine: its name, run state and threads. */

import * as v from "valibot";
import type { Query } from "./query.ts";
import { count, threadId } from "./scalars.ts";

const statusInfo = v.object({
  running: v.boolean(),
  /** A RunState; a newer QEMU may have more of them. */
  status: v.string(),
});
export type StatusInfo = v.InferOutput<typeof statusInfo>;
export const QUERY_STATUS: Query<StatusInfo> = {
  command: "query-status",
  reply: statusInfo,
};

const nameInfo = v.object({ name: v.optional(v.string()) });
export type NameInfo = v.InferOutput<typeof nameInfo>;
export const QUERY_NAME: Query<NameInfo> = {
  command: "query-name",
  reply: nameInfo,
};

const cpuInfo = v.object({
  "cpu-index": count,
  "qom-type": v.optional(v.string()),
  "thread-id": threadId,
});
export type CpuInfo = v.InferOutput<typeof cpuInfo>;
export const QUERY_CPUS_FAST: Query<CpuInfo[]> = {
  command: "query-cpus-fast",
  reply: v.array(cpuInfo),
};

const ioThreadInfo = v.object({ id: v.string(), "thread-id": threadId });
export type IoThreadInfo = v.InferOutput<typeof ioThreadInfo>;
export const QUERY_IOTHREADS: Query<IoThreadInfo[]> = {
  command: "query-iothreads",
  reply: v.array(ioThreadInfo),
};
