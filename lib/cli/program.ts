import type { Program } from "./command.ts";
import { checkCommand } from "./commands/check.ts";
import { compatCommand } from "./commands/compat.ts";
import { completionsCommand } from "./commands/completions.ts";
import { demoCommand } from "./commands/demo.ts";
import { diffCommand } from "./commands/diff.ts";
import { execCommand } from "./commands/exec.ts";
import { helpCommand } from "./commands/help.ts";
import { inspectCommand } from "./commands/inspect.ts";
import { listCommand } from "./commands/list.ts";
import { machineCommand } from "./commands/machine.ts";
import { manCommand } from "./commands/man.ts";
import { recoverCommand } from "./commands/recover.ts";
import { schemaCommand } from "./commands/schema.ts";
import { updateCommand } from "./commands/update.ts";
import { versionCommand } from "./commands/version.ts";

/** All commands, in the order of the help. */
export const PROGRAM: Program = {
  name: "cprctl",
  brief: "Move a running virtual machine to a new QEMU",
  description: "Move a running virtual machine to a new QEMU in the same " +
    "process, or roll it back.",
  commands: [
    updateCommand,
    checkCommand,
    listCommand,
    recoverCommand,
    inspectCommand,
    diffCommand,
    compatCommand,
    machineCommand,
    demoCommand,
    execCommand,
    schemaCommand,
    completionsCommand,
    manCommand,
    versionCommand,
    helpCommand,
  ],
  sections: [
    {
      title: "REQUIREMENTS",
      rows: [
        ["host", "Linux on x86-64 or AArch64"],
        ["versions", "QEMU 10.2 or later, old and new"],
        [
          "memory",
          "Shared: -machine with aux-ram-share=on, and a memory backend with " +
          "share=on",
        ],
        ["monitor", "A QMP socket that no other client is connected to"],
        ["refused", "VMs that libvirt manages, and VMs with VFIO devices"],
      ],
    },
    {
      title: "EXIT STATUS",
      rows: [
        ["0", "Success, or nothing to do"],
        ["1", "Any other error"],
        ["2", "Wrong command line"],
        ["3", "Refused: nothing was touched"],
        ["4", "Rolled back: the VM runs on the old program"],
        ["5", "Manual intervention needed: see the message"],
      ],
    },
    {
      title: "ENVIRONMENT",
      rows: [
        ["NO_COLOR", "Print no colours"],
        ["CLICOLOR_FORCE", "Print colours through a pipe as well"],
        ["CPRCTL_DEBUG", "Print where an error was thrown"],
      ],
    },
    {
      title: "FILES",
      rows: [
        [
          "/run/cprctl",
          "Updates of root in progress or left unfinished; other users have " +
          "theirs in XDG_RUNTIME_DIR, units of systemd in RUNTIME_DIRECTORY",
        ],
        [
          "/var/cache/cprctl",
          "The portable program, unpacked; in XDG_CACHE_HOME where that is set",
        ],
      ],
    },
    {
      title: "SEE ALSO",
      rows: [
        ["qemu-system-x86_64(1)", "Options of QEMU"],
        ["qemu-qmp-ref(7)", "Commands and events of its monitor"],
      ],
    },
  ],
};
