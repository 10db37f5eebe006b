/**
 * Connections of the guest through user networking, as "info usernet" lists
 * them:
 *
 * ```
 * Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ
 * TCP[ESTABLISHED]   19       10.0.2.15 36514   192.168.1.10   443     0     0
 * TCP[HOST_FORWARD]  17       127.0.0.1 39021       10.0.2.15    22     0     0
 * ```
 *
 * The new program knows none of them, and their sockets stay open in its
 * process: the peers would wait for ever.
 *
 * @module
 */

import { type Executor, QmpCommandError } from "../../qmp/mod.ts";
import { text } from "./reply.ts";

const CONNECTION = /^\s*TCP\[(?!HOST_FORWARD)\w+\]\s+(\d+)\s/;
/** Far more than a process has descriptors for, unless it is told to. */
const MOST = 4096;

/** The command that lists them. */
export const LIST_CONNECTIONS = "info usernet";

/** The descriptors of connections, by the lines that list them. */
export function connectionsIn(lines: readonly string[]): number[] {
  return lines.flatMap((line) => {
    const [, descriptor] = CONNECTION.exec(line) ?? [];
    return descriptor === undefined ? [] : [Number(descriptor)];
  }).slice(0, MOST);
}

/** The descriptors of the connections that there are now. */
export async function userConnections(client: Executor): Promise<number[]> {
  try {
    const reply = await client.execute("human-monitor-command", {
      "command-line": LIST_CONNECTIONS,
    });
    return connectionsIn((text(reply) ?? "").split(/\r?\n/));
  } catch (error) {
    // A program without user networking.
    if (error instanceof QmpCommandError) return [];
    throw error;
  }
}
