import type { Command } from "../../qmp/mod.ts";
import type { Machine } from "../machine.ts";
import { GUEST_COMMANDS } from "./guest.ts";
import { HUMAN_COMMANDS } from "./human.ts";
import { INVENTORY_COMMANDS } from "./inventory.ts";
import { MIGRATION_COMMANDS } from "./migration.ts";
import { STATUS_COMMANDS } from "./status.ts";

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

/** Every QMP command of the machine. */
export function commandTable(context: CommandContext): Map<string, Command> {
  return new Map(
    [
      STATUS_COMMANDS,
      MIGRATION_COMMANDS,
      INVENTORY_COMMANDS,
      GUEST_COMMANDS,
      HUMAN_COMMANDS,
    ].flatMap((group) => Object.entries(group(context))),
  );
}
