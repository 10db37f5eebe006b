import type { Fd } from "../../../ffi/fd.ts";
import { type Executor, QmpCommandError } from "../../qmp/mod.ts";
import type { CarriedCommand } from "./carried.ts";

/**
 * Sends the commands to a program that waits for the VM's state.
 *
 * @param held the descriptors that go with them, by their numbers in the VM
 * @returns what it refused, in its own words
 */
export async function sendCommands(
  client: Executor,
  commands: readonly CarriedCommand[],
  held: ReadonlyMap<number, Fd> = new Map<number, Fd>(),
): Promise<string[]> {
  const problems: string[] = [];
  for (const { execute, arguments: given, descriptor } of commands) {
    const fd = descriptor === undefined ? undefined : held.get(descriptor);
    const descriptors = fd === undefined ? [] : [fd.number];
    try {
      await client.execute(execute, given, { descriptors });
    } catch (error) {
      if (!(error instanceof QmpCommandError)) throw error;
      problems.push(`What was changed at run time is lost: ${error.message}`);
    }
  }
  return problems;
}
