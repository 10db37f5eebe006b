/**
 * Descriptors that a VM's earlier programs left open: QEMU opens some without
 * close-on-exec, so they stay in its process over every exec, unused.
 *
 * The next program closes them: it duplicates the descriptors of -add-fd into a
 * descriptor set, closes them, and removes the set when it is told to. What is
 * named there has to be open at its start. Therefore only what no program
 * closes any more is closed, and a terminal or connection that is in use at an
 * update is closed by the one after.
 *
 * @module
 */

import { isShutDown } from "../../../ffi/foreign_socket.ts";
import type { ProcessHandle } from "../../../ffi/process.ts";
import { ifThereSync } from "../../gone.ts";
import { ProcessFiles } from "../../proc/process_files.ts";
import { type Executor, QmpError } from "../../qmp/mod.ts";
import { VHOST_NET, type VhostNet } from "../process/vhost_net.ts";
import type { Terminal } from "./terminals.ts";

/** Of these, every program opens its own; none closes one that is in use. */
const VHOST = [VHOST_NET, "/dev/vhost-vsock"];
const TERMINALS = "/ptmx";
const SOCKETS = "socket:";

/** The set of cprctl itself: no manager numbers so many. */
export const OWN_SET = 2_000_000_000;
/** More are left for the next update. */
const MAXIMUM = 256;

/**
 * The descriptors that the next program is to close.
 *
 * @param inUse those that the next program uses, or this one may close
 */
export async function leftOpen(
  process: ProcessHandle,
  inUse: readonly number[],
  terminals: readonly Terminal[],
  vhostNet: Pick<VhostNet, "isFile">,
): Promise<number[]> {
  const files = new ProcessFiles(process.pid);
  const left = await unusedTerminals(files, terminals);
  for (const [number, { link, info }] of await files.open()) {
    const isVhost = VHOST.includes(link) || vhostNet.isFile(info);
    const isKnown = isVhost || link.startsWith(SOCKETS);
    if (!isKnown || inUse.includes(number)) continue;
    if ((await files.info(number))?.closesOnExec !== false) continue;
    if (isVhost || isEnded(process, number)) left.push(number);
  }
  return left.slice(0, MAXIMUM);
}

/** Terminals that are open, other than these. */
export async function unusedTerminals(
  files: ProcessFiles,
  used: readonly Terminal[],
): Promise<number[]> {
  const inUse = used.map(({ path }) => Number(path.split("/").at(-1)));
  const unused: number[] = [];
  for (const [number, { link }] of await files.open()) {
    if (!link.endsWith(TERMINALS)) continue;
    const { terminal, closesOnExec } = await files.info(number) ?? {};
    if (closesOnExec !== false || terminal === undefined) continue;
    if (!inUse.includes(terminal)) unused.push(number);
  }
  return unused;
}

function isEnded(process: ProcessHandle, number: number): boolean {
  using socket = ifThereSync(() => process.getFd(number));
  return socket !== undefined && isShutDown(socket);
}

/** The command line of a program that closes them. */
export function withClosed(
  [program = "", ...words]: readonly string[],
  left: readonly number[],
): string[] {
  const options = left.flatMap((number) => [
    ...["-add-fd", `fd=${number},set=${OWN_SET}`],
  ]);
  return [program, ...options, ...words];
}

/**
 * Has the program close what is in the set: what earlier programs left open; or
 * what it was given for the next one, if there is none. The next exec would
 * close the former as well.
 */
export async function removeOwnSet(client: Executor): Promise<void> {
  try {
    await client.execute("remove-fd", { "fdset-id": OWN_SET });
  } catch (error) {
    // Whether the program has ended is for others to find out.
    if (!(error instanceof QmpError)) throw error;
  }
}
