/** Who the machine is, what it does, and its parts that are no device. */

import * as v from "valibot";
import type { Query } from "./query.ts";
import { count, threadId } from "./scalars.ts";

const statusInfo = v.object({
  running: v.boolean(),
  /** A RunState; a newer QEMU may know more of them. */
  status: v.string(),
});
export type StatusInfo = v.InferOutput<typeof statusInfo>;
export const QUERY_STATUS: Query<StatusInfo> = {
  command: "query-status",
  reply: statusInfo,
};

const versionInfo = v.object({
  qemu: v.object({ major: count, minor: count, micro: count }),
  package: v.string(),
});
export type VersionInfo = v.InferOutput<typeof versionInfo>;
export const QUERY_VERSION: Query<VersionInfo> = {
  command: "query-version",
  reply: versionInfo,
};

const nameInfo = v.object({ name: v.optional(v.string()) });
export type NameInfo = v.InferOutput<typeof nameInfo>;
export const QUERY_NAME: Query<NameInfo> = {
  command: "query-name",
  reply: nameInfo,
};

const uuidInfo = v.object({ UUID: v.string() });
export type UuidInfo = v.InferOutput<typeof uuidInfo>;
export const QUERY_UUID: Query<UuidInfo> = {
  command: "query-uuid",
  reply: uuidInfo,
};

const machineInfo = v.object({
  name: v.string(),
  alias: v.optional(v.string()),
  "is-default": v.optional(v.boolean(), false),
  "cpu-max": count,
  deprecated: v.boolean(),
  "default-cpu-type": v.optional(v.string()),
  "default-ram-id": v.optional(v.string()),
});
export type MachineInfo = v.InferOutput<typeof machineInfo>;
/** The machine types that the program knows. */
export const QUERY_MACHINES: Query<MachineInfo[]> = {
  command: "query-machines",
  reply: v.array(machineInfo),
};

const cpuInfo = v.object({
  "cpu-index": count,
  "qom-path": v.string(),
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

const memoryBackendInfo = v.object({
  id: v.optional(v.string()),
  /** Bytes. */
  size: count,
  share: v.boolean(),
  prealloc: v.boolean(),
  merge: v.boolean(),
  dump: v.boolean(),
  policy: v.string(),
  "host-nodes": v.array(count),
});
export type MemoryBackendInfo = v.InferOutput<typeof memoryBackendInfo>;
/** Memory backends that were made with -object. */
export const QUERY_MEMDEV: Query<MemoryBackendInfo[]> = {
  command: "query-memdev",
  reply: v.array(memoryBackendInfo),
};

const chardevInfo = v.object({
  label: v.string(),
  /** Such as "unix:/run/vm/a.qmp,server=on". */
  filename: v.string(),
  "frontend-open": v.boolean(),
});
export type ChardevInfo = v.InferOutput<typeof chardevInfo>;
export const QUERY_CHARDEV: Query<ChardevInfo[]> = {
  command: "query-chardev",
  reply: v.array(chardevInfo),
};
