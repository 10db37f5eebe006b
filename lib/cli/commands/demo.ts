import { buildCommand, type Command } from "@stricli/core";
import type { Report } from "../../update/report/report.ts";
import type { PhaseObserver } from "../../update/transaction/phase_clock.ts";
import type { CliContext } from "../context.ts";
import { withExamples } from "../examples.ts";
import { REPORT_FLAGS, type ReportFlags } from "../flags/report.ts";

/** Updates the embedded machine once. */
export type DemoEngine = (observer: PhaseObserver) => Promise<Report>;

/**
 * `cprctl demo`: update the embedded machine.
 *
 * @param load imports the engine, when the command runs and not before
 */
export function demoCommand(
  load: () => Promise<DemoEngine>,
): Command<CliContext> {
  return buildCommand<ReportFlags, [], CliContext>({
    docs: {
      brief: "Update the embedded machine in front of your eyes",
      fullDescription: withExamples(
        "Start the embedded machine, let its guest count, and move it onto a new\n" +
          "program in the same process. Nothing is pretended: the RAM is a memfd, the\n" +
          "program is executed anew, the state travels in QEMU's own format. Needs no\n" +
          "QEMU, no KVM and no root.",
        [
          ["cprctl demo", "watch it"],
          ["cprctl demo --json", "the same as a report"],
          ["cprctl demo --report demo.html", "and as a page for a browser"],
        ],
      ),
    },
    parameters: { flags: REPORT_FLAGS },
    loader: async () => {
      const [demo, { presentUpdate }, { DEMO_INTRODUCTION, DEMO_EPILOGUE }] =
        await Promise.all([
          load(),
          import("../present/report.ts"),
          import("../terminal/demo.ts"),
        ]);
      return async function (this: CliContext, flags): Promise<void> {
        const { stdout } = this.process;
        if (!flags.json) stdout.write(DEMO_INTRODUCTION);
        await presentUpdate(this.process, flags, demo);
        if (!flags.json) stdout.write(DEMO_EPILOGUE);
      };
    },
  });
}
