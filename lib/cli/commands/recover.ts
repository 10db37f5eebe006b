import { command } from "../command.ts";
import { JSON_OPTION, WEAKER_OPTION } from "../options/shared.ts";
import { selfCommand } from "../self.ts";

/** Even a slow host can start a QEMU in this time. */
const TIMEOUT_MS = 60_000;

/** `cprctl recover`: finish updates that were interrupted. */
export const recoverCommand = command({
  name: "recover",
  brief: "Finish updates that were interrupted",
  description:
    "Find updates that were left unfinished because cprctl was killed, and " +
    "finish each one: the VM stays on the new QEMU if that has loaded its " +
    "state, and is rolled back otherwise. VMs that another cprctl is working " +
    "on are left alone. Safe to run at any time, for example at boot.",
  options: {
    "allow-weaker-confinement": WEAKER_OPTION,
    json: JSON_OPTION,
  },
  operands: [],
  examples: [
    ["cprctl recover", "after cprctl was killed"],
    ["cprctl recover --json", "for a script"],
  ],
  async run({ process, engine }, options) {
    const { presentRecovery } = await import("../present/recovery.ts");
    presentRecovery(
      process,
      options.json,
      await engine.recover({
        timeoutMs: TIMEOUT_MS,
        self: selfCommand(),
        allowWeakerConfinement: options["allow-weaker-confinement"],
      }),
    );
  },
});
