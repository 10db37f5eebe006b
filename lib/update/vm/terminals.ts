/**
 * Pseudo-terminals behind a VM's character devices. QEMU opens /dev/ptmx
 * without close-on-exec: over an exec the terminal stays open and belongs to no
 * device, and the new program opens one of another name.
 *
 * So a device's terminal is closed right before the exec, where the device can
 * do without one for a moment. The new program then gets the lowest number that
 * is free, which is the same unless somebody still has the terminal open, or a
 * lower one has become free.
 *
 * @module
 */

import {
  type Executor,
  isObject,
  type Json,
  QmpCommandError,
  QmpError,
} from "../../qmp/mod.ts";
import { asArray, asObject, text } from "./reply.ts";

/** The terminal of one character device. Plain data. */
export interface Terminal {
  /** The label of the device. */
  readonly device: string;
  /** Such as "/dev/pts/3". */
  readonly path: string;
}

const TERMINAL = /^pty:(\/.*)$/;
/** The back end that a device has instead. */
const NOTHING = "null";
/** No VM has more of them; one that says so is not followed. */
const MOST = 1024;

/** The terminals that a VM has now; none from a program that does not tell. */
export async function readTerminals(client: Executor): Promise<Terminal[]> {
  return terminalsIn(await ask(client));
}

/** Those that the answer to "query-chardev" lists. */
export function terminalsIn(chardevs: readonly Json[]): Terminal[] {
  return [...backEnds(chardevs)].flatMap(([device, is]) => {
    const [, path] = TERMINAL.exec(is) ?? [];
    return path === undefined ? [] : [{ device, path }];
  }).slice(0, MOST);
}

/**
 * Has terminals closed. Nothing is waited for: what is said to the monitor
 * after this is done after it. A device that cannot do without its terminal
 * keeps it.
 */
export function closeTerminals(
  client: Executor,
  devices: readonly string[],
): void {
  for (const id of devices) {
    client.execute("chardev-change", {
      id,
      backend: { type: NOTHING, data: {} },
    }).catch(() => undefined); // refused, or done right before the exec
  }
}

/**
 * Opens terminals again that were closed for an exec which did not come about.
 *
 * @returns a sentence for each that has another name now, or none
 */
export async function giveTerminals(
  client: Executor,
  wanted: readonly Terminal[],
): Promise<string[]> {
  if (wanted.length === 0) return [];
  try {
    const now = backEnds(await ask(client));
    const said: string[] = [];
    for (const { device, path } of wanted) {
      const is = now.get(device) === NOTHING
        ? await reopen(client, device)
        : TERMINAL.exec(now.get(device) ?? "")?.[1];
      if (is === path) continue;
      said.push(
        is === undefined
          ? `Character device "${device}" has no terminal; it had "${path}"`
          : `The terminal of character device "${device}" is "${is}" now; ` +
            `it was "${path}"`,
      );
    }
    return said;
  } catch (error) {
    if (!(error instanceof QmpError)) throw error;
    return [`Terminals could not be given back: ${error.message}`];
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

/** What is behind each character device, by its label. */
function backEnds(chardevs: readonly Json[]): Map<string, string> {
  return new Map(
    chardevs.filter(isObject).map(({ label, filename }) => [
      text(label) ?? "",
      text(filename) ?? "",
    ]),
  );
}

/** Nothing from a program that does not know the question. */
async function ask(client: Executor): Promise<readonly Json[]> {
  try {
    return asArray(await client.execute("query-chardev"));
  } catch (error) {
    if (error instanceof QmpCommandError) return [];
    throw error;
  }
}
