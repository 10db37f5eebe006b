/** Every action of the table. */

import type { Action } from "../harness/action.ts";
import { DISKS } from "./disks.ts";
import { OTHERS } from "./others.ts";
import { POWER } from "./power.ts";

/** In the order in which people read them. */
export const ACTIONS: readonly Action[] = [...POWER, ...DISKS, ...OTHERS];
