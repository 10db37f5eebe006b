import { buildCommand, type Command } from "@stricli/core";
import { UsageError } from "../../errors.ts";
import type { Report } from "../../update/report.ts";
import type { CliContext } from "../context.ts";
import { withExamples } from "../examples.ts";
import type { OnPhase } from "../present.ts";

/** What the command line asks of an update. */
export interface UpdateRequest {
  /** The VM's monitor: a socket's path, or HOST:PORT. */
  readonly qmp: string;
  /** The program to move onto; undefined: the one now at the old one's path. */
  readonly binary: string | undefined;
  /** After which the update is given up, in milliseconds. */
  readonly timeoutMs: number;
}

/** Does what was asked. */
export type UpdateEngine = (
  request: UpdateRequest,
  onPhase: OnPhase,
) => Promise<Report>;

interface Flags {
  readonly qmp: string;
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
          parse: String,
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
        const request: UpdateRequest = {
          qmp: flags.qmp,
          binary: flags.binary,
          timeoutMs: flags.timeout * 1000,
        };
        await presentUpdate(
          this.process,
          flags.json,
          (onPhase) => update(request, onPhase),
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
