import { ok, type PreflightCheck, refuse } from "../check.ts";
import { joined } from "../wording.ts";

/** Descriptors that arguments name are open, and stay so over an exec. */
export const descriptors: PreflightCheck = {
  id: "descriptors",
  async run({ command, files }) {
    const problems: string[] = [];
    for (const number of command.descriptors) {
      const closes = await files.closesOnExec(number);
      if (closes === undefined) {
        problems.push(`Descriptor ${number}, which it names, is not open`);
      } else if (closes) {
        problems.push(
          `Descriptor ${number}, which it names, is closed by exec`,
        );
      }
    }
    if (problems.length > 0) {
      return refuse(
        `The new command line cannot be used: ${joined(problems)}`,
        "Restart the VM with arguments that name no descriptors",
      );
    }
    return ok(
      command.descriptors.length === 0
        ? "no argument names a descriptor"
        : "descriptors that arguments name stay open",
    );
  },
};
