/** How a VM is moved: the mode, and the command line that it takes. */

import type { Mode } from "../phase.ts";
import type { Facts } from "../vm/facts.ts";
import type { NewCommand } from "./new_command.ts";
import { type HandOver, transferCommand } from "./transfer_command.ts";

/** A mode, with the command line of the new program. */
export interface Way {
  readonly mode: Mode;
  readonly command: NewCommand;
  /** Only to another process. */
  readonly handOver?: HandOver | undefined;
  /** Why this mode; undefined if the operator named it. */
  readonly why?: string | undefined;
}

/** The way in a mode that the operator named. */
export interface Wanted {
  readonly mode: Mode;
  /** The command line for the same process. */
  readonly command: NewCommand;
  readonly facts: Facts;
  /** The working directory of the VM's process. */
  readonly cwd: string;
  /** Ids of the memory backends whose RAM is to be copied. */
  readonly ramOf: () => Promise<readonly string[]>;
}

/** @throws {RefusedError} when the VM cannot be moved in this way */
export async function wayBy(wanted: Wanted): Promise<Way> {
  const { mode, command, ramOf } = wanted;
  if (mode === "cpr-exec") return { mode, command };
  const ram = mode === "live" ? await ramOf() : undefined;
  return { mode, ...transferCommand(command, { ...wanted, ram }) };
}
