import type { Command } from "../../qmp/mod.ts";
import type { Machine } from "../machine.ts";

/** What commands work with. */
export interface CommandContext {
  readonly machine: Machine;
  /** Ends the machine and this process. */
  quit(): void;
  /** Runs a line of the human monitor. */
  humanLine(line: string): Promise<string>;
}

/** A group of commands, made for one machine. */
export type CommandGroup = (context: CommandContext) => Record<string, Command>;
