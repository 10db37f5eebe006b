import { type PreflightCheck, skipped } from "../check.ts";
import { blindSpots } from "./blind_spots.ts";
import { blockExports } from "./block_exports.ts";
import { blockJobs } from "./block_jobs.ts";
import { blockNodes } from "./block_nodes.ts";
import { chardevs } from "./chardevs.ts";
import { clients } from "./clients.ts";
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
  compared(diskImages),
  compared(blockNodes),
  diskFiles,
  imageLocks,
  blockJobs,
  blockExports,
  dirtyBitmaps,
  compared(throttling),
  compared(devices),
  compared(cpus),
  compared(memoryDevices),
  compared(objects),
  compared(iothreads),
  compared(netdevs),
  compared(hostForwards),
  compared(chardevs),
  compared(displays),
  clients,
  blindSpots,
];

/**
 * A check that compares the VM with its command line. What a file beside it
 * gave the VM (-readconfig, which is refused elsewhere) is no change.
 */
function compared(check: PreflightCheck): PreflightCheck {
  return {
    ...check,
    run: (context) =>
      context.running.has("readconfig")
        ? Promise.resolve(skipped("the file of -readconfig is not looked into"))
        : check.run(context),
  };
}
