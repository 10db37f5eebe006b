/** Every fault of the table. */

import type { Fault } from "../harness/fault.ts";
import { NEW_PROCESS, NEW_PROGRAM } from "./new_program.ts";

/** In the order in which people read them. */
export const FAULTS: readonly Fault[] = [...NEW_PROGRAM, ...NEW_PROCESS];
