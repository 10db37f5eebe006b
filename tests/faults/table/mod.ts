/** Every fault of the table. */

import type { Fault } from "../harness/fault.ts";
import { CPRCTL_KILLED } from "./killed.ts";
import { NEW_PROCESS, NEW_PROGRAM } from "./new_program.ts";
import { CPRCTL_SIGNALS, VM_KILLED, VM_STOPPED } from "./signals.ts";
import {
  DISK_LOCK,
  NO_ROOM,
  OLD_PROGRAM,
  OTHERS,
  STATE_FILE,
} from "./surroundings.ts";

/** In the order in which people read them. */
export const FAULTS: readonly Fault[] = [
  ...NEW_PROGRAM,
  ...NEW_PROCESS,
  ...STATE_FILE,
  ...NO_ROOM,
  ...DISK_LOCK,
  ...OLD_PROGRAM,
  ...VM_KILLED,
  ...VM_STOPPED,
  ...CPRCTL_SIGNALS,
  ...CPRCTL_KILLED,
  ...OTHERS,
];
