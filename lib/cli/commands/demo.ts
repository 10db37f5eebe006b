import { command } from "../command.ts";
import { JSON_OPTION, REPORT_OPTION } from "../options/shared.ts";
import { selfCommand } from "../self.ts";

/** `cprctl demo`: update the embedded machine. */
export const demoCommand = command({
  name: "demo",
  brief: "Update a small built-in VM while you watch",
  description:
    "Start the embedded machine, let its guest count, and move it to a new " +
    "program in the same process. Nothing is simulated: the RAM is a memfd, " +
    "the process executes the program again, and the state has QEMU's own " +
    "format. Needs no QEMU, no KVM and no root.",
  options: { json: JSON_OPTION, report: REPORT_OPTION },
  operands: [],
  examples: [
    ["cprctl demo", "watch it"],
    ["cprctl demo --json", "the report as JSON"],
    ["cprctl demo --report demo.html", "the report as a page for a browser"],
  ],
  async run({ process, engine }, options) {
    const [{ presentUpdate }, { DEMO_INTRODUCTION, DEMO_EPILOGUE }] =
      await Promise.all([
        import("../present/report.ts"),
        import("../terminal/demo.ts"),
      ]);
    if (!options.json) process.stdout.write(DEMO_INTRODUCTION);
    await presentUpdate(
      process,
      options,
      (observer) => engine.demonstrate(selfCommand(), observer),
    );
    if (!options.json) process.stdout.write(DEMO_EPILOGUE);
  },
});
