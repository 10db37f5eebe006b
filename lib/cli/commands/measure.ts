import { UsageError } from "../../errors.ts";
import { command, type Valued } from "../command.ts";
import { parsePid } from "../options/shared.ts";

/** `cprctl measure`: the downtime, as seen from outside. */
export const measureCommand = command({
  name: "measure",
  brief: "Measure how long a guest stands still while a command runs",
  description:
    "Run a command, and watch a word of guest RAM that changes all the time: " +
    "the longest time for which it does not is how long the guest stood " +
    "still. No monitor is asked, so that the downtime which an update reports " +
    "can be compared with it. The guest should be busy: an idle one stands " +
    "still as well. Exit status is that of the command.",
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
      `The guest stood still for ${longestMs.toFixed(1)} ms at most; ` +
        `it changes its RAM every ${everyMs.toFixed(1)} ms otherwise\n`,
    );
    process.exitCode = command.code;
  },
});
