import { Fd } from "../../ffi/fd.ts";
import { O_RDONLY } from "../../ffi/open_flags.ts";
import { CPR_EXEC_STATE, type CprState, readCprState } from "../cpr/mod.ts";
import type { Facts } from "./facts.ts";
import { readDescriptors } from "./proc.ts";
import type { Report } from "./report.ts";

/** What was found in the process that is about to be replaced. */
export interface Held {
  readonly state: CprState;
  readonly ram: NonNullable<Report["ram"]>;
}

/**
 * Reads the CPR state of a VM that waits in pre-switchover.
 *
 * @throws {Error} when there is none
 */
export async function hold(facts: Facts): Promise<Held> {
  const links = await readDescriptors(facts.pid);
  const wanted = `/memfd:${CPR_EXEC_STATE} (deleted)`;
  const number = [...links].find(([, link]) => link === wanted)?.[0];
  if (number === undefined) {
    throw new Error(`Process ${facts.pid} has no CPR state`);
  }
  using memfd = Fd.open(`/proc/${facts.pid}/fd/${number}`, O_RDONLY);
  const state = readCprState(memfd);
  let bytes = 0;
  for (const { descriptor } of state.descriptors) {
    const { size } = await Deno.stat(`/proc/${facts.pid}/fd/${descriptor}`);
    bytes += size;
  }
  return { state, ram: { blocks: state.descriptors.length, bytes } };
}
