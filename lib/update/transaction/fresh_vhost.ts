/**
 * Gives a running program the vhost descriptors of the next one, which keeps
 * its process. The numbers that they get are those on its command line.
 *
 * ```
 * open(/dev/vhost-net)   by root
 * add-fd                 the program receives it, close-on-exec
 * fcntl                  it stays open over the exec
 * remove-fd              it is closed, if the update is over before that
 * ```
 *
 * @module
 */

import type { ProcessHandle } from "../../../ffi/process.ts";
import type { QmpClient } from "../../qmp/mod.ts";
import type { VhostNet } from "../process/vhost_net.ts";
import { requireKeptOpen } from "../standby/keep_open.ts";
import { OWN_SET } from "../vm/left_open.ts";
import { asObject } from "../vm/reply.ts";

/** Who gives which program others. */
export interface VhostOrder {
  readonly client: QmpClient;
  readonly process: ProcessHandle;
  readonly vhostNet: VhostNet;
  /** The command that starts cprctl itself. */
  readonly self: readonly string[];
}

/**
 * Gives a program one for each of these.
 *
 * @returns their numbers, by those that they replace
 * @throws {UpdateProblem} when one is not vhost-net, or it cannot be opened or
 * kept open
 * @throws {QmpError} when the program does not take it
 */
export async function giveVhost(
  { client, process, vhostNet, self }: VhostOrder,
  numbers: readonly number[],
): Promise<Map<number, number>> {
  const renewed = new Map<number, number>();
  for (const number of numbers) {
    using device = vhostNet.openFor(process, number);
    const given = { "fdset-id": OWN_SET };
    const descriptors = [device.number];
    const reply = await client.execute("add-fd", given, { descriptors });
    renewed.set(number, Number(asObject(reply)["fd"]));
  }
  if (renewed.size > 0) {
    await requireKeptOpen(process.pid, [...renewed.values()], self);
  }
  return renewed;
}
