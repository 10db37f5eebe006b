import { buildCommand, type Command } from "@stricli/core";
import { UsageError } from "../../errors.ts";
import type { Report } from "../../update/report.ts";
import type { UpdateRequest } from "../../update/update.ts";
import type { CliContext } from "../context.ts";
import { withExamples } from "../examples.ts";
import { selfCommand } from "../self.ts";
import { surveyRequest, VM_FLAGS, type VmFlags } from "../vm_flags.ts";
import type { CheckEngine } from "./check.ts";

/** Does what was asked. */
export interface UpdateEngines {
  readonly update: (request: UpdateRequest) => Promise<Report>;
  readonly check: CheckEngine;
}

interface Flags extends VmFlags {
  readonly check: boolean;
  readonly timeout: number;
}

/** Seconds in which even a slow host starts a QEMU. */
const DEFAULT_TIMEOUT = "60";

/**
 * `cprctl update`: move a VM onto a new program.
 *
 * @param load imports the engines, when the command runs and not before
 */
export function updateCommand(
  load: () => Promise<UpdateEngines>,
): Command<CliContext> {
  return buildCommand<Flags, [], CliContext>({
    docs: {
      brief: "Move a running VM onto a new QEMU",
      fullDescription: withExamples(
        "Move a running VM onto a new QEMU in the same process: the pid stays, guest\n" +
          "RAM stays in place, and the guest pauses for as long as a QEMU takes to start.\n" +
          "Prints a verdict and where the time went; the exit code says how it ended.\n" +
          "A VM that runs on that very file already is left alone.",
        [
          [
            "cprctl update --qmp /run/vm/a.qmp",
            "after a package was upgraded",
          ],
          [
            "cprctl update --qmp /run/vm/a.qmp --binary /opt/qemu",
            "onto a build of your own",
          ],
          [
            "cprctl update --qmp /run/vm/a.qmp --force",
            "after a library was upgraded",
          ],
          ["cprctl update --qmp /run/vm/a.qmp --json", "for a program to read"],
          [
            "cprctl update --qmp /run/vm/a.qmp --report a.html",
            "for a person to keep",
          ],
        ],
      ),
    },
    parameters: {
      flags: {
        ...VM_FLAGS,
        check: {
          kind: "boolean",
          brief: "Say what would be done, and do nothing, as cprctl check does",
          default: false,
          withNegated: false,
        },
        timeout: {
          kind: "parsed",
          parse: parseSeconds,
          brief: "Give up after so many seconds",
          placeholder: "seconds",
          default: DEFAULT_TIMEOUT,
        },
      },
    },
    loader: async () => {
      const [engines, { presentUpdate }] = await Promise.all([
        load(),
        import("../present.ts"),
      ]);
      return async function (this: CliContext, flags: Flags): Promise<void> {
        const asked = surveyRequest(flags);
        const timeoutMs = flags.timeout * 1000;
        await presentUpdate(
          this.process,
          { ...flags, view: flags.check ? "check" : "update" },
          (observer) =>
            flags.check
              ? engines.check({ ...asked, observer })
              : engines.update({
                ...asked,
                timeoutMs,
                self: selfCommand(),
                observer,
              }),
        );
      };
    },
  });
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || seconds === 0) {
    throw new UsageError("Want a positive number of seconds");
  }
  return seconds;
}
