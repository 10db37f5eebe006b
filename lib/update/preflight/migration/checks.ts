import type { PreflightCheck } from "../check.ts";
import { blockers } from "./blockers.ts";
import { capabilities } from "./capabilities.ts";
import { fatalDevices } from "./fatal_devices.ts";
import { memoryBackends } from "./memory_backends.ts";
import { memoryRoom } from "./memory_room.ts";
import { migrationIdle } from "./migration_idle.ts";
import { nvmeNamespaces } from "./nvme_namespaces.ts";
import { runState } from "./run_state.ts";
import { stateRoom } from "./state_room.ts";
import { tpmPage } from "./tpm_page.ts";
import { vfio } from "./vfio.ts";

/** The VM can be migrated at all. */
export const MIGRATION_CHECKS: readonly PreflightCheck[] = [
  runState,
  migrationIdle,
  capabilities,
  stateRoom,
  memoryRoom,
  memoryBackends,
  tpmPage,
  nvmeNamespaces,
  fatalDevices,
  vfio,
  blockers,
];
