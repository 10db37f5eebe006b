/** What libvirt reports about a domain, read by virsh. @module */

import { messageOf } from "../../errors.ts";
import { sleep } from "../../sleep.ts";
import { Deadline } from "../deadline.ts";
import { UpdateProblem } from "../error.ts";
import { output } from "./programs.ts";

/** Of the system daemon on this host. */
export const URI = "qemu:///system";
const QUERY_TIMEOUT_MS = 10_000;
/** A daemon that has just started connects to every domain first. */
const READY_TIMEOUT_MS = 30_000;
const DELAY_MS = 50;

/** The domain's state, such as "running" or "paused". */
export async function domainState(name: string): Promise<string> {
  return await ask("domstate", name);
}

/**
 * Waits until a daemon that was started has connected to a domain, or says why
 * it has not.
 *
 * @returns the domain's state
 * @throws {UpdateProblem} when it does not answer, or has no connection
 */
export async function stateOnceConnected(name: string): Promise<string> {
  const deadline = new Deadline(READY_TIMEOUT_MS);
  for (;;) {
    try {
      // "ok" means that the daemon has the monitor, and nothing is going on.
      const control = await ask("domcontrol", name);
      if (control === "ok") return await domainState(name);
      throw new UpdateProblem(
        "libvirt-state",
        `libvirt's connection to the domain's monitor is "${control}"`,
      );
    } catch (error) {
      if (!(error instanceof UpdateProblem)) throw error;
      const state = await domainState(name).catch(() => undefined);
      if (state === "shut off") return state;
      if (deadline.left() === 0) {
        throw new UpdateProblem(
          "libvirt-state",
          `libvirt does not answer: ${messageOf(error)}`,
          { cause: error },
        );
      }
    }
    await sleep(DELAY_MS);
  }
}

async function ask(what: string, name: string): Promise<string> {
  const args = ["--connect", URI, what, "--domain", name];
  return (await output("virsh", args, QUERY_TIMEOUT_MS)).trim();
}
