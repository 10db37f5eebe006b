import type { Command, Program } from "./command.ts";

/** All commands, in the order of the help; each is imported when it is needed. */
const COMMANDS = new Map<string, () => Promise<Command>>([
  ["update", async () => (await import("./commands/update.ts")).updateCommand],
  ["check", async () => (await import("./commands/check.ts")).checkCommand],
  ["list", async () => (await import("./commands/list.ts")).listCommand],
  [
    "prepare",
    async () => (await import("./commands/prepare.ts")).prepareCommand,
  ],
  [
    "measure",
    async () => (await import("./commands/measure.ts")).measureCommand,
  ],
  [
    "recover",
    async () => (await import("./commands/recover.ts")).recoverCommand,
  ],
  [
    "inspect",
    async () => (await import("./commands/inspect.ts")).inspectCommand,
  ],
  ["diff", async () => (await import("./commands/diff.ts")).diffCommand],
  ["compat", async () => (await import("./commands/compat.ts")).compatCommand],
  [
    "machine",
    async () => (await import("./commands/machine.ts")).machineCommand,
  ],
  ["demo", async () => (await import("./commands/demo.ts")).demoCommand],
  ["exec", async () => (await import("./commands/exec.ts")).execCommand],
  ["schema", async () => (await import("./commands/schema.ts")).schemaCommand],
  [
    "completions",
    async () => (await import("./commands/completions.ts")).completionsCommand,
  ],
  ["man", async () => (await import("./commands/man.ts")).manCommand],
  [
    "version",
    async () => (await import("./commands/version.ts")).versionCommand,
  ],
  ["help", async () => (await import("./commands/help.ts")).helpCommand],
]);

/** Those that are about all of them. */
const OVERVIEWS: readonly string[] = ["help", "man"];

/** The program without its commands. */
const OUTLINE = {
  name: "cprctl",
  brief: "Move a running virtual machine to a new QEMU",
  description: "Move a running virtual machine to a new QEMU in the same " +
    "process, or roll it back.",
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
        [
          "monitor",
          "A QMP socket that no other client is connected to; for libvirt " +
          "domains, use --domain",
        ],
        ["refused", "VMs with VFIO devices"],
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
          "Root's updates in progress or left unfinished; other users have " +
          "theirs in XDG_RUNTIME_DIR, systemd units in RUNTIME_DIRECTORY",
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
} satisfies Omit<Program, "commands">;

/** The program. */
export async function wholeProgram(): Promise<Program> {
  return await programOf([...COMMANDS.values()]);
}

/**
 * The program as far as a command line needs it. A start takes as long as it has
 * code to read, and most starts need one command.
 *
 * @param word the first word of the command line
 */
export async function programFor(word: string | undefined): Promise<Program> {
  const only = word === undefined || OVERVIEWS.includes(word)
    ? undefined
    : COMMANDS.get(word);
  return only === undefined ? await wholeProgram() : await programOf([only]);
}

async function programOf(
  commands: readonly (() => Promise<Command>)[],
): Promise<Program> {
  return {
    ...OUTLINE,
    commands: await Promise.all(commands.map((load) => load())),
  };
}
