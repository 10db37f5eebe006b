import type { Fd } from "../../../ffi/fd.ts";
import { type Executor, QmpCommandError } from "../../qmp/mod.ts";
import type { CarriedCommand } from "./carried.ts";

/** A descriptor that the VM was sent; its number there. */
interface Held {
  readonly role: { readonly sent: number };
  readonly fd: Fd;
}

/**
 * Sends the commands to a program that waits for the VM's state.
 *
 * @param held the descriptors that go with them
 * @returns what it refused, in its own words
 */
export async function sendCommands(
  client: Executor,
  commands: readonly CarriedCommand[],
  held: readonly Held[] = [],
): Promise<string[]> {
  const problems: string[] = [];
  for (const { execute, arguments: given, descriptor } of commands) {
    const descriptors = held
      .filter(({ role }) => role.sent === descriptor)
      .map(({ fd }) => fd.number);
    try {
      await client.execute(execute, given, { descriptors });
    } catch (error) {
      if (!(error instanceof QmpCommandError)) throw error;
      problems.push(`What was changed at run time is lost: ${error.message}`);
    }
  }
  return problems;
}
