import type { Command } from "../../qmp/mod.ts";
import type { Machine } from "../machine.ts";

/** The context of QMP commands. */
export interface CommandContext {
  readonly machine: Machine;
  /** Ends the machine and this process. */
  quit(): void;
  /** Runs a line of the human monitor. */
  humanLine(line: string): Promise<string>;
}

/** Makes a group of commands for a machine. */
export type CommandGroup = (context: CommandContext) => Record<string, Command>;
