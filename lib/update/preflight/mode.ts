/** The mode of an update, where the operator leaves it to cprctl. */

import type { Carried } from "../carry/carried.ts";
import { CommandLine } from "../command/command_line.ts";
import { type Wanted, type Way, wayBy } from "../command/way.ts";
import { RefusedError } from "../error.ts";
import { joined } from "./check.ts";
import { HAND_OVER } from "./hand_over.ts";

/** A VM that is to be moved in the better way. */
export interface Movable extends Omit<Wanted, "mode"> {
  readonly carried: Carried;
}

/**
 * cpr-transfer, unless something depends on the VM's process, or two processes
 * could not have open all that the VM has; then cpr-exec.
 */
export async function betterWay(vm: Movable): Promise<Way> {
  const against = await againstTransfer(vm);
  if (typeof against !== "string") return against;
  return { ...await wayBy({ ...vm, mode: "cpr-exec" }), why: against };
}

/** The way by cpr-transfer, or why it is not taken. */
async function againstTransfer(vm: Movable): Promise<Way | string> {
  try {
    const way = await wayBy({ ...vm, mode: "cpr-transfer" });
    const { program, options } = vm.facts;
    const next = CommandLine.parse(program, way.command.argv, options);
    const context = { ...vm, ...way, next };
    const found = await Promise.all(HAND_OVER.map((it) => it.run(context)));
    const against = found.filter(({ verdict }) => verdict !== "ok");
    if (against.length > 0) return joined(against.map(({ detail }) => detail));
    return { ...way, why: "another process can take the VM over" };
  } catch (error) {
    if (error instanceof RefusedError) return error.message;
    throw error;
  }
}
