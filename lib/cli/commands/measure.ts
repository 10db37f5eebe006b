import { UsageError } from "../../errors.ts";
import { command, type Valued } from "../command.ts";
import { parsePid } from "../options/shared.ts";

/** `cprctl measure`: the downtime, as seen from outside. */
export const measureCommand = command({
  name: "measure",
  brief: "Measure how long a guest is stopped while a command runs",
  description:
    "Run a command, and watch a word of guest RAM that changes all the time: " +
    "the longest time without a change is how long the guest was stopped. No " +
    "monitor is asked, so this is independent of the downtime that an update " +
    "reports. The guest must be busy: one that is idle changes nothing " +
    "either. The exit status is that of the command.",
  usage: ["--pid PID -- COMMAND [ARGUMENT]..."],
  takesCommandLine: true,
  options: {
    pid: {
      value: "PID",
      parse: parsePid,
      brief: "Process of the VM, with RAM in a memfd",
    } satisfies Valued<number>,
  },
  operands: [],
  examples: [
    [
      "cprctl measure --pid 4711 -- cprctl update --qmp /run/vm/a.qmp",
      "an update",
    ],
    ["cprctl measure --pid 4711 -- sleep 10", "what else stops the guest"],
  ],
  async run({ process, engine, commandLine }, { pid }) {
    if (pid === undefined || commandLine?.[0] === undefined) {
      throw new UsageError("Expected --pid PID, and a command after --");
    }
    const { longestMs, everyMs, command } = await engine.measure(
      pid,
      commandLine,
    );
    process.stderr.write(
      `The guest was stopped for ${longestMs.toFixed(1)} ms at most; ` +
        `otherwise its RAM changes every ${everyMs.toFixed(1)} ms\n`,
    );
    process.exitCode = command.code;
  },
});
