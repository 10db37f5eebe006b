import { rawCommand } from "./raw.ts";

/** `cprctl machine`: the embedded machine. */
export const machineCommand = rawCommand({
  brief: "Run the embedded machine, with QEMU's own options and monitors",
  words: "option",
  load: async () => (await import("../../machine/main.ts")).runMachine,
});
