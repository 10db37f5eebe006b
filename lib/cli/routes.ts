/** The commands, in the order that help lists them. */

import { buildRouteMap, type RouteMap } from "@stricli/core";
import { checkCommand, type CheckEngines } from "./commands/check.ts";
import { compatCommand } from "./commands/compat.ts";
import { completionsCommand } from "./commands/completions.ts";
import { demoCommand } from "./commands/demo.ts";
import { diffCommand } from "./commands/diff.ts";
import { execCommand } from "./commands/exec.ts";
import { helpCommand } from "./commands/help.ts";
import { inspectCommand } from "./commands/inspect.ts";
import { listCommand, type ListEngine } from "./commands/list.ts";
import { machineCommand } from "./commands/machine.ts";
import { manCommand } from "./commands/man.ts";
import { recoverCommand } from "./commands/recover.ts";
import { schemaCommand } from "./commands/schema.ts";
import { updateCommand } from "./commands/update.ts";
import { versionCommand } from "./commands/version.ts";
import type { CliContext } from "./context.ts";
import { selfCommand } from "./self.ts";

const DESCRIPTION =
  `Move a running virtual machine onto a new QEMU in the same process, or put it
back as it was.

EXIT CODES
  0  done, or up to date       3  refused before anything was touched
  1  any other error           4  rolled back: the VM runs on the old program
  2  wrong command line        5  the VM needs a person: the message says why

ENVIRONMENT
  NO_COLOR      no colours       CPRCTL_DEBUG  show where an error was thrown`;

async function checkEngines(): Promise<CheckEngines> {
  const { check } = await import("../update/check.ts");
  const loadAll = async () =>
    (await import("../update/all/host.ts")).workOnHost;
  return { check, loadAll };
}

async function loadList(): Promise<ListEngine> {
  return (await import("../update/host/list.ts")).listVms;
}

/** Every command by its name. */
export const routes: RouteMap<CliContext> = buildRouteMap<string, CliContext>({
  routes: {
    update: updateCommand(async () => {
      const [{ update }, engines] = await Promise.all([
        import("../update/update.ts"),
        checkEngines(),
      ]);
      return { ...engines, update, loadList };
    }),
    check: checkCommand(checkEngines),
    list: listCommand(loadList),
    recover: recoverCommand(async () =>
      (await import("../update/recover/recover.ts")).recover
    ),
    inspect: inspectCommand,
    diff: diffCommand,
    compat: compatCommand,
    machine: machineCommand,
    demo: demoCommand(async () => {
      const { demonstrate } = await import("../update/demo.ts");
      return (observer) => demonstrate(selfCommand(), observer);
    }),
    exec: execCommand,
    schema: schemaCommand,
    completions: completionsCommand,
    man: manCommand(() => routes),
    version: versionCommand,
    help: helpCommand(() => commandNames()),
  },
  docs: {
    brief: "Move a running virtual machine onto a new QEMU",
    fullDescription: DESCRIPTION,
  },
});

/** The commands that help lists, in its order. */
export function commandNames(): readonly string[] {
  return routes.getAllEntries().map(({ name }) => name.original);
}
