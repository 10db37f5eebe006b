import type { PreflightCheck } from "../check.ts";
import { blindSpots } from "./blind_spots.ts";
import { blockExports } from "./block_exports.ts";
import { blockJobs } from "./block_jobs.ts";
import { blockNodes } from "./block_nodes.ts";
import { chardevs } from "./chardevs.ts";
import { cpus } from "./cpus.ts";
import { devices } from "./devices.ts";
import { dirtyBitmaps } from "./dirty_bitmaps.ts";
import { diskFiles } from "./disk_files.ts";
import { diskImages } from "./disk_images.ts";
import { displays } from "./displays.ts";
import { hostForwards } from "./host_forwards.ts";
import { imageLocks } from "./image_locks.ts";
import { iothreads } from "./iothreads.ts";
import { memoryDevices } from "./memory_devices.ts";
import { netdevs } from "./netdevs.ts";
import { objects } from "./objects.ts";
import { throttling } from "./throttling.ts";

/** The VM is the one that its command line makes. */
export const DRIFT_CHECKS: readonly PreflightCheck[] = [
  diskImages,
  blockNodes,
  diskFiles,
  imageLocks,
  blockJobs,
  blockExports,
  dirtyBitmaps,
  throttling,
  devices,
  cpus,
  memoryDevices,
  objects,
  iothreads,
  netdevs,
  hostForwards,
  chardevs,
  displays,
  blindSpots,
];
