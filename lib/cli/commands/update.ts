import { buildCommand, type Command } from "@stricli/core";
import { UsageError } from "../../errors.ts";
import type { QmpAddress } from "../../qmp/mod.ts";
import type { Report } from "../../update/report.ts";
import type { UpdateRequest } from "../../update/update.ts";
import type { CliContext } from "../context.ts";
import { withExamples } from "../examples.ts";
import { parseQmpAddress } from "../qmp_address.ts";
import { selfCommand } from "../self.ts";

/** Does what was asked. */
export type UpdateEngine = (request: UpdateRequest) => Promise<Report>;

interface Flags {
  readonly qmp: QmpAddress;
  readonly binary?: string;
  readonly timeout: number;
  readonly json: boolean;
}

/** Seconds in which even a slow host starts a QEMU. */
const DEFAULT_TIMEOUT = "60";

/**
 * `cprctl update`: move a VM onto a new program.
 *
 * @param load imports the engine, when the command runs and not before
 */
export function updateCommand(
  load: () => Promise<UpdateEngine>,
): Command<CliContext> {
  return buildCommand<Flags, [], CliContext>({
    docs: {
      brief: "Move a running VM onto a new QEMU",
      fullDescription: withExamples(
        "Move a running VM onto a new QEMU in the same process: the pid stays, guest\n" +
          "RAM stays in place, and the guest pauses for as long as a QEMU takes to start.\n" +
          "Prints a verdict and where the time went; the exit code says how it ended.",
        [
          [
            "cprctl update --qmp /run/vm/a.qmp",
            "after a package was upgraded",
          ],
          [
            "cprctl update --qmp /run/vm/a.qmp --binary /opt/qemu",
            "onto a build of your own",
          ],
          ["cprctl update --qmp /run/vm/a.qmp --json", "for a program to read"],
        ],
      ),
    },
    parameters: {
      flags: {
        qmp: {
          kind: "parsed",
          parse: parseQmpAddress,
          brief: "The VM's QMP socket: a path, or HOST:PORT",
          placeholder: "socket",
        },
        binary: {
          kind: "parsed",
          parse: String,
          brief:
            "The QEMU to move onto; else what is now at the old one's path",
          placeholder: "path",
          optional: true,
        },
        timeout: {
          kind: "parsed",
          parse: parseSeconds,
          brief: "Give up after so many seconds",
          placeholder: "seconds",
          default: DEFAULT_TIMEOUT,
        },
        json: {
          kind: "boolean",
          brief: "Print the report as one JSON document",
          default: false,
          withNegated: false,
        },
      },
    },
    loader: async () => {
      const [update, { presentUpdate }] = await Promise.all([
        load(),
        import("../present.ts"),
      ]);
      return async function (this: CliContext, flags: Flags): Promise<void> {
        const { qmp: address, binary, timeout, json } = flags;
        const timeoutMs = timeout * 1000;
        await presentUpdate(
          this.process,
          json,
          (observer) =>
            update({
              address,
              binary,
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
