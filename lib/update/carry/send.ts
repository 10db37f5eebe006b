import { type Executor, QmpCommandError } from "../../qmp/mod.ts";
import type { CarriedCommand } from "./carried.ts";

/**
 * Sends the commands to a program that waits for the VM's state.
 *
 * @returns what it refused, in its own words
 */
export async function sendCommands(
  client: Executor,
  commands: readonly CarriedCommand[],
): Promise<string[]> {
  const problems: string[] = [];
  for (const { execute, arguments: given } of commands) {
    try {
      await client.execute(execute, given);
    } catch (error) {
      if (!(error instanceof QmpCommandError)) throw error;
      problems.push(`What was changed at run time is lost: ${error.message}`);
    }
  }
  return problems;
}
