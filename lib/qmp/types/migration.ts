/** How a migration is set up and how it goes. */

import * as v from "valibot";
import type { Query } from "./query.ts";
import { count, int64, json } from "./scalars.ts";

/** The statuses of QEMU 11.1; later ones may add to them. */
export const MIGRATION_STATUSES = [
  "none",
  "setup",
  "cancelling",
  "cancelled",
  "active",
  "postcopy-device",
  "postcopy-active",
  "postcopy-paused",
  "postcopy-recover-setup",
  "postcopy-recover",
  "completed",
  "failing",
  "failed",
  "colo",
  "pre-switchover",
  "device",
  "wait-unplug",
] as const;

export type MigrationStatus = typeof MIGRATION_STATUSES[number];

/** The capabilities of QEMU 11.1, in its order. */
export const MIGRATION_CAPABILITIES = [
  "xbzrle",
  "rdma-pin-all",
  "auto-converge",
  "events",
  "postcopy-ram",
  "x-colo",
  "release-ram",
  "return-path",
  "pause-before-switchover",
  "multifd",
  "dirty-bitmaps",
  "postcopy-blocktime",
  "late-block-activate",
  "x-ignore-shared",
  "validate-uuid",
  "background-snapshot",
  "zero-copy-send",
  "postcopy-preempt",
  "switchover-ack",
  "dirty-limit",
  "mapped-ram",
] as const;

export type MigrationCapability = typeof MIGRATION_CAPABILITIES[number];

const migrationInfo = v.object({
  /** One of {@linkcode MIGRATION_STATUSES}, or newer; none before the first. */
  status: v.optional(v.string()),
  "error-desc": v.optional(v.string()),
  "blocked-reasons": v.optional(v.array(v.string()), []),
  /** Milliseconds. */
  "total-time": v.optional(count),
  /** Milliseconds. */
  "setup-time": v.optional(count),
  /** Milliseconds, known when completed. */
  downtime: v.optional(count),
  /** Milliseconds; 2^63 - 1 stands for unknown. */
  "expected-downtime": v.optional(int64),
  ram: v.optional(v.object({
    transferred: count,
    remaining: count,
    total: count,
    "page-size": count,
  })),
});
export type MigrationInfo = v.InferOutput<typeof migrationInfo>;
export const QUERY_MIGRATE: Query<MigrationInfo> = {
  command: "query-migrate",
  reply: migrationInfo,
};

const migrationParameters = v.objectWithRest({
  mode: v.optional(v.string()),
  /** Missing in a QEMU that does not know cpr-exec. */
  "cpr-exec-command": v.optional(v.array(v.string())),
}, json);
/** Every parameter, also those not named here: they are to be put back. */
export type MigrationParameters = v.InferOutput<typeof migrationParameters>;
export const QUERY_MIGRATE_PARAMETERS: Query<MigrationParameters> = {
  command: "query-migrate-parameters",
  reply: migrationParameters,
};

const capabilityStatus = v.object({
  capability: v.string(),
  state: v.boolean(),
});
export type CapabilityStatus = v.InferOutput<typeof capabilityStatus>;
export const QUERY_MIGRATE_CAPABILITIES: Query<CapabilityStatus[]> = {
  command: "query-migrate-capabilities",
  reply: v.array(capabilityStatus),
};
