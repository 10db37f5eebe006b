import type { RawCommand } from "../command.ts";

/** `cprctl machine`: the embedded machine. */
export const machineCommand: RawCommand = {
  name: "machine",
  brief: "Run the embedded machine, with QEMU's options and monitors",
  usage: ["[OPTION]..."],
  help: async () => (await import("../../machine/options.ts")).MACHINE_HELP,
  run: async (words) =>
    await (await import("../../machine/main.ts")).runMachine(words),
};
