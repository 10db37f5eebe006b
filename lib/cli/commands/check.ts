import { buildCommand, type Command } from "@stricli/core";
import type { Report } from "../../update/report.ts";
import type { SurveyRequest } from "../../update/survey.ts";
import type { CliContext } from "../context.ts";
import { withExamples } from "../examples.ts";
import { surveyRequest, VM_FLAGS, type VmFlags } from "../vm_flags.ts";

/** Says what an update would do. */
export type CheckEngine = (request: SurveyRequest) => Promise<Report>;

/**
 * `cprctl check`: say what an update would do.
 *
 * @param load imports the engine, when the command runs and not before
 */
export function checkCommand(
  load: () => Promise<CheckEngine>,
): Command<CliContext> {
  return buildCommand<VmFlags, [], CliContext>({
    docs: {
      brief: "Say what update would do, and do nothing",
      fullDescription: withExamples(
        "Look at a VM as update does, and stop before it is touched: every check with\n" +
          "its verdict and what to do about it, and how the command line would change.\n" +
          "Exit code 0 says that update would go ahead, or has nothing to do; 3 that it\n" +
          "would refuse. The same as cprctl update --check.",
        [
          ["cprctl check --qmp /run/vm/a.qmp", "before an update"],
          [
            "cprctl check --qmp /run/vm/a.qmp --force",
            "even if there is nothing to update",
          ],
          ["cprctl check --qmp /run/vm/a.qmp --json", "for a program to read"],
        ],
      ),
    },
    parameters: { flags: VM_FLAGS },
    loader: async () => {
      const [check, { presentUpdate }] = await Promise.all([
        load(),
        import("../present.ts"),
      ]);
      return async function (this: CliContext, flags): Promise<void> {
        await presentUpdate(
          this.process,
          { ...flags, view: "check" },
          (observer) => check({ ...surveyRequest(flags), observer }),
        );
      };
    },
  });
}
