import { buildCommand, type Command } from "@stricli/core";
import type { RecoverRequest, Recovery } from "../../update/recover/recover.ts";
import { sealedText } from "../../update/report/sealed.ts";
import { exitCodeOf } from "../../update/report/report.ts";
import type { CliContext } from "../context.ts";
import { withExamples } from "../examples.ts";
import { switchFlag, WEAKER_BRIEF } from "../flags/parameters.ts";
import { selfCommand } from "../self.ts";
import { printable } from "../wording/printable.ts";
import { inertJson } from "../../inert.ts";

interface RecoverFlags {
  readonly json: boolean;
  readonly allowWeakerConfinement: boolean;
}

/** Does what was asked. */
export type RecoverEngine = (request: RecoverRequest) => Promise<Recovery[]>;

/** Milliseconds in which even a slow host starts a QEMU. */
const TIMEOUT_MS = 60_000;

/**
 * `cprctl recover`: end what a killed cprctl left.
 *
 * @param load imports the engine, when the command runs and not before
 */
export function recoverCommand(
  load: () => Promise<RecoverEngine>,
): Command<CliContext> {
  return buildCommand<RecoverFlags, [], CliContext>({
    docs: {
      brief: "Finish what a killed cprctl left",
      fullDescription: withExamples(
        "Look for updates that were never finished, because cprctl was killed or the\n" +
          "host lost it, and lead each VM on from where it is: to the new program if its\n" +
          "state is loaded there, else back to the old one. VMs that another cprctl works\n" +
          "on are left alone. Safe to run at any time, as at boot.",
        [
          ["cprctl recover", "after a cprctl was killed"],
          ["cprctl recover --json", "for a program to read"],
        ],
      ),
    },
    parameters: {
      flags: {
        allowWeakerConfinement: switchFlag(WEAKER_BRIEF),
        json: switchFlag("Print the result as one JSON document"),
      },
    },
    loader: async () => {
      const recover = await load();
      return async function (this: CliContext, flags): Promise<void> {
        const { json, allowWeakerConfinement } = flags;
        const recoveries = sealedMessages(
          await recover({
            timeoutMs: TIMEOUT_MS,
            self: selfCommand(),
            allowWeakerConfinement,
          }),
        );
        this.process.stdout.write(
          json ? asJson(recoveries) : asText(recoveries),
        );
        this.process.exitCode = Math.max(0, ...recoveries.map(exitCode));
      };
    },
  });
}

/** QEMU's own words may quote its command line. */
function sealedMessages(recoveries: readonly Recovery[]): Recovery[] {
  return recoveries.map((recovery) => ({
    ...recovery,
    message: sealedText(recovery.message),
  }));
}

function exitCode({ outcome }: Recovery): number {
  return outcome === "recovered" ? 0 : exitCodeOf(outcome);
}

function asText(recoveries: readonly Recovery[]): string {
  if (recoveries.length === 0) return "Nothing was left unfinished\n";
  return recoveries.map(({ vm, outcome, message, remedy }) =>
    printable(`${outcome}: ${vm.name ?? `process ${vm.pid}`}: ${message}`) +
    "\n" + (remedy === undefined ? "" : `  ${printable(remedy)}\n`)
  ).join("");
}

function asJson(recoveries: readonly Recovery[]): string {
  const results = recoveries.map(({ vm, pid, outcome, message, remedy }) => ({
    name: vm.name ?? null,
    pid_before: vm.pid,
    pid_after: pid,
    outcome,
    message,
    remedy: remedy ?? null,
  }));
  return `${inertJson({ schema: 1, results }, 2)}\n`;
}
