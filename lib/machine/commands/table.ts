import type { Command } from "../../qmp/mod.ts";
import type { CommandContext } from "./context.ts";
import { INVENTORY_COMMANDS } from "./inventory.ts";
import { MIGRATION_COMMANDS } from "./migration.ts";
import { STATUS_COMMANDS } from "./status.ts";

/** Every QMP command of the machine. */
export function commandTable(context: CommandContext): Map<string, Command> {
  return new Map(
    [STATUS_COMMANDS, MIGRATION_COMMANDS, INVENTORY_COMMANDS].flatMap((group) =>
      Object.entries(group(context))
    ),
  );
}
