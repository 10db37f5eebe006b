/**
 * The pseudo-terminals of a VM's character devices. QEMU opens /dev/ptmx
 * without close-on-exec: after an exec the old terminal stays open, unused, and
 * the new program opens another one, under another name.
 *
 * So a device's terminal is closed right before the exec, if its backend can be
 * changed. The new program then gets the lowest free number, which is the same
 * unless another process has the terminal open, or a lower number became free.
 *
 * @module
 */

import { type Executor, isObject, type Json, QmpError } from "../../qmp/mod.ts";
import { asArray, asObject, ifKnown, text } from "./reply.ts";

/** The pseudo-terminal of a character device. Plain data. */
export interface Terminal {
  /** The label of the device. */
  readonly device: string;
  /** Such as "/dev/pts/3". */
  readonly path: string;
}

const TERMINAL = /^pty:(\/.*)$/;
/** The backend that a device has instead. */
const NOTHING = "null";
/** More than a VM has; the rest of a longer reply is ignored. */
const MAXIMUM = 1024;

/** The terminals of a VM; none if the program cannot list them. */
export async function readTerminals(client: Executor): Promise<Terminal[]> {
  return terminalsIn(await ask(client));
}

/** The terminals in a reply to query-chardev. */
export function terminalsIn(chardevs: readonly Json[]): Terminal[] {
  return [...backends(chardevs)].flatMap(([device, backend]) => {
    const [, path] = TERMINAL.exec(backend) ?? [];
    return path === undefined ? [] : [{ device, path }];
  }).slice(0, MAXIMUM);
}

/**
 * Closes terminals. It need not be awaited: the monitor executes commands in
 * order. A device whose backend cannot be changed keeps its terminal.
 */
export function closeTerminals(
  client: Executor,
  devices: readonly string[],
): void {
  for (const id of devices) {
    client.execute("chardev-change", {
      id,
      backend: { type: NOTHING, data: {} },
    }).catch(() => undefined); // refused, or the exec closed the connection
  }
}

/**
 * Opens terminals again that {@linkcode closeTerminals} has closed.
 *
 * @returns a warning for each that has another name now, or is missing
 */
export async function restoreTerminals(
  client: Executor,
  wanted: readonly Terminal[],
): Promise<string[]> {
  if (wanted.length === 0) return [];
  try {
    const now = backends(await ask(client));
    const warnings: string[] = [];
    for (const { device, path } of wanted) {
      const current = now.get(device) === NOTHING
        ? await reopen(client, device)
        : TERMINAL.exec(now.get(device) ?? "")?.[1];
      if (current === path) continue;
      warnings.push(
        current === undefined
          ? `Character device "${device}" has no terminal; it had "${path}"`
          : `The terminal of character device "${device}" is now ` +
            `"${current}"; it was "${path}"`,
      );
    }
    return warnings;
  } catch (error) {
    if (!(error instanceof QmpError)) throw error;
    return [`Terminals could not be restored: ${error.message}`];
  }
}

async function reopen(
  client: Executor,
  id: string,
): Promise<string | undefined> {
  const reply = asObject(
    await client.execute("chardev-change", {
      id,
      backend: { type: "pty", data: {} },
    }),
  );
  return text(reply["pty"]);
}

/** The backend of each character device, by its label. */
function backends(chardevs: readonly Json[]): Map<string, string> {
  return new Map(
    chardevs.filter(isObject).map(({ label, filename }) => [
      text(label) ?? "",
      text(filename) ?? "",
    ]),
  );
}

/** Nothing if the program does not have the command. */
async function ask(client: Executor): Promise<readonly Json[]> {
  return asArray(await ifKnown(client.execute("query-chardev")));
}
