/** Block devices, what is in them, and what works on them. */

import * as v from "valibot";
import type { Query } from "./query.ts";
import { count } from "./scalars.ts";

/** An image and what it is based on. */
export interface ImageInfo {
  readonly filename: string;
  readonly format: string;
  /** Bytes that the guest sees. */
  readonly "virtual-size": number;
  readonly "backing-image"?: ImageInfo | undefined;
}

const imageInfo: v.GenericSchema<unknown, ImageInfo> = v.object({
  filename: v.string(),
  format: v.string(),
  "virtual-size": count,
  "backing-image": v.optional(v.lazy(() => imageInfo)),
});

const dirtyBitmapInfo = v.object({
  /** Missing for a bitmap of QEMU's own. */
  name: v.optional(v.string()),
  granularity: count,
  recording: v.boolean(),
  busy: v.boolean(),
  /** Whether the image keeps it. */
  persistent: v.boolean(),
  inconsistent: v.optional(v.boolean(), false),
});
export type DirtyBitmapInfo = v.InferOutput<typeof dirtyBitmapInfo>;

const blockDeviceInfo = v.object({
  file: v.string(),
  "node-name": v.optional(v.string()),
  drv: v.string(),
  ro: v.boolean(),
  encrypted: v.boolean(),
  backing_file: v.optional(v.string()),
  backing_file_depth: count,
  detect_zeroes: v.string(),
  cache: v.object({
    writeback: v.boolean(),
    direct: v.boolean(),
    "no-flush": v.boolean(),
  }),
  image: imageInfo,
  /** The throttle group, where there is a throttle. */
  group: v.optional(v.string()),
  bps: count,
  bps_rd: count,
  bps_wr: count,
  iops: count,
  iops_rd: count,
  iops_wr: count,
  bps_max: v.optional(count),
  bps_rd_max: v.optional(count),
  bps_wr_max: v.optional(count),
  iops_max: v.optional(count),
  iops_rd_max: v.optional(count),
  iops_wr_max: v.optional(count),
  iops_size: v.optional(count),
  "dirty-bitmaps": v.optional(v.array(dirtyBitmapInfo), []),
});
export type BlockDeviceInfo = v.InferOutput<typeof blockDeviceInfo>;

const blockInfo = v.object({
  /** Empty for a device made with -blockdev. */
  device: v.string(),
  /** QOM path or id of the device of the guest. */
  qdev: v.optional(v.string()),
  removable: v.boolean(),
  locked: v.boolean(),
  tray_open: v.optional(v.boolean()),
  "io-status": v.optional(v.string()),
  /** Missing where there is no medium. */
  inserted: v.optional(blockDeviceInfo),
});
export type BlockInfo = v.InferOutput<typeof blockInfo>;
export const QUERY_BLOCK: Query<BlockInfo[]> = {
  command: "query-block",
  reply: v.array(blockInfo),
};

const blockJobInfo = v.object({
  device: v.string(),
  type: v.string(),
  status: v.string(),
  len: count,
  offset: count,
  busy: v.boolean(),
  paused: v.boolean(),
  ready: v.boolean(),
});
export type BlockJobInfo = v.InferOutput<typeof blockJobInfo>;
export const QUERY_BLOCK_JOBS: Query<BlockJobInfo[]> = {
  command: "query-block-jobs",
  reply: v.array(blockJobInfo),
};

const jobInfo = v.object({
  id: v.string(),
  type: v.string(),
  status: v.string(),
  "current-progress": count,
  "total-progress": count,
  error: v.optional(v.string()),
});
export type JobInfo = v.InferOutput<typeof jobInfo>;
/** All jobs: block jobs, and those that make images or snapshots. */
export const QUERY_JOBS: Query<JobInfo[]> = {
  command: "query-jobs",
  reply: v.array(jobInfo),
};
