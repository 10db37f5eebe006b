/** What the phases of a transfer have at hand. */

import type { ProcessHandle } from "../../../ffi/process.ts";
import type { QmpEvent } from "../../qmp/mod.ts";
import type { Transfer, UpdateContext } from "../context.ts";
import type { Destination } from "../transaction/destination.ts";

export function transferOf({ transfer }: UpdateContext): Transfer {
  if (transfer === undefined) throw new Error("There is no transfer");
  return transfer;
}

export function destinationOf({ destination }: UpdateContext): Destination {
  if (destination === undefined) throw new Error("There is no destination");
  return destination;
}

/** The new program. */
export function processOf({ transfer }: UpdateContext): ProcessHandle {
  const process = transfer?.process;
  if (process === undefined) throw new Error("There is no new program");
  return process;
}

/** The last STOP of the source. */
export function stopped({ watch }: Transfer): QmpEvent | undefined {
  return watch?.seen.findLast(({ name }) => name === "STOP");
}

/** Whether the source was resumed after it was stopped for the last time. */
export function resumed({ watch }: Transfer): QmpEvent | undefined {
  const events = watch?.seen ?? [];
  const stop = events.findLastIndex(({ name }) => name === "STOP");
  return events.slice(stop + 1).find(({ name }) => name === "RESUME");
}
