/** Updates of which the new program does what a test or a bench wants. */

import type { Json } from "../../lib/qmp/mod.ts";
import { LINUX } from "../../lib/update/linux.ts";
import type { System } from "../../lib/update/system.ts";
import type { Destination } from "../../lib/update/transaction/destination.ts";

/** This host, with something that is done to each new program. */
export function withDestination(
  change: (destination: Destination, pid: number) => void,
): System {
  return {
    ...LINUX,
    destination: async (...order) => {
      const destination = await LINUX.destination(...order);
      change(destination, order[0].pid);
      return destination;
    },
  };
}

/**
 * Has the new program answer one query with what is not true. Only the
 * questions after the load have a time limit of their own, so only they are
 * answered in this way.
 */
export function lieOnceLoaded(
  { client }: Destination,
  command: string,
  says: Json,
): void {
  const within = client.within.bind(client);
  client.within = (left) => {
    const { execute } = within(left);
    return {
      execute: async (name, ...more) => {
        const reply = await execute(name, ...more);
        return name === command ? says : reply;
      },
    };
  };
}
