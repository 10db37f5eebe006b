/**
 * The guest's connections through user networking, as listed by `info usernet`:
 *
 * ```
 * Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ
 * TCP[ESTABLISHED]   19       10.0.2.15 36514   192.168.1.10   443     0     0
 * TCP[HOST_FORWARD]  17       127.0.0.1 39021       10.0.2.15    22     0     0
 * ```
 *
 * The destination does not use them, but their sockets stay open over the exec:
 * the peers would wait for ever.
 *
 * @module
 */

import type { Executor } from "../../qmp/mod.ts";
import { askHuman } from "./reply.ts";

const CONNECTION = /^\s*TCP\[(?!HOST_FORWARD)\w+\]\s+(\d+)\s/;
/** Above the default limit of open files, 1024. */
const MAXIMUM = 4096;

/** The command that lists them. */
export const LIST_CONNECTIONS = "info usernet";

/** The descriptors of the connections in these lines. */
export function connectionsIn(lines: readonly string[]): number[] {
  return lines.flatMap((line) => {
    const [, descriptor] = CONNECTION.exec(line) ?? [];
    return descriptor === undefined ? [] : [Number(descriptor)];
  }).slice(0, MAXIMUM);
}

/** The descriptors of the current connections. */
export async function userConnections(client: Executor): Promise<number[]> {
  // Without user networking the program does not know the command.
  const printed = await askHuman(client, LIST_CONNECTIONS);
  return connectionsIn(printed.split(/\r?\n/));
}
