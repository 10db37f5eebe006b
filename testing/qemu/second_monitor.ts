/** A second monitor of a VM, for whoever else may use one. */

import {
  type JsonObject,
  type QmpAddress,
  QmpClient,
} from "../../lib/qmp/mod.ts";
import type { VirtualMachine } from "./virtual_machine.ts";

const NAME = "second.sock";
const TIMEOUT_MS = 30_000;

/** What gives a VM one. */
export const SECOND_MONITOR: readonly string[] = [
  "-qmp",
  `unix:${NAME},server=on,wait=off`,
];

/** Where it is, in the VM's folder. */
export function secondMonitor(folder: string): QmpAddress & { path: string } {
  return { path: `${folder}/${NAME}` };
}

/** Somebody else runs a command, and leaves. */
export async function commandOfAnother(
  { folder }: VirtualMachine,
  command: string,
  words?: JsonObject,
): Promise<void> {
  await using other = await QmpClient.connectAgain(secondMonitor(folder), {
    timeoutMs: TIMEOUT_MS,
  });
  await other.execute(command, words);
}
