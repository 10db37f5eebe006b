/**
 * Runs the command of the first word. Modules are imported lazily: `exec` runs
 * within the downtime and must not load those of other commands.
 *
 * @module
 */

import {
  FILTERS_WORD,
  KEEP_OPEN_WORD,
  SANDBOX_WORD,
  STANDBY_WORD,
} from "../update/standby/words.ts";
import { PROPOSE_WORD } from "./completion_scripts.ts";
import type { CliProcess } from "./process.ts";

/**
 * Runs the command of a command line.
 *
 * @param process for the output; by default this process
 * @returns the exit code; every error has been printed
 */
export async function dispatch(
  words: readonly string[],
  process?: CliProcess,
): Promise<number> {
  const [first, ...rest] = words;
  try {
    if (first === STANDBY_WORD) {
      const { runStandby } = await import("../update/standby/process.ts");
      return await runStandby(rest);
    }
    if (first === SANDBOX_WORD) {
      const { runInSandbox } = await import(
        "../update/standby/sandbox.ts"
      );
      return runInSandbox(rest);
    }
    if (first === FILTERS_WORD) {
      const { printFilters } = await import(
        "../update/standby/confinement.ts"
      );
      return printFilters(rest);
    }
    if (first === KEEP_OPEN_WORD) {
      const { keepOpen } = await import("../update/standby/keep_open.ts");
      return keepOpen(rest);
    }
    if (first === "exec") {
      const { runExec } = await import("../cpr/exec_wrapper.ts");
      return runExec(rest);
    }
    if (first === "machine") {
      const { runMachine } = await import("../machine/main.ts");
      return await runMachine(rest);
    }
    if (first === "ansible-module") {
      const { runAnsibleModule } = await import("./commands/ansible_module.ts");
      return await runAnsibleModule(rest);
    }
    const [{ hostProcess }, { ENGINE }, { programFor }, { run }] = await Promise
      .all([
        import("./process.ts"),
        import("./engine.ts"),
        import("./program.ts"),
        import("./run.ts"),
      ]);
    const context = {
      process: process ?? hostProcess(),
      engine: ENGINE,
      program: await programFor(first),
    };
    if (first === PROPOSE_WORD) {
      const { printProposals } = await import("./completions/print.ts");
      return await printProposals(rest, context);
    }
    return await run(words, context);
  } catch (error) {
    const { errorText, exitCodeOf } = await import("./wording/errors.ts");
    console.error(errorText(error, Deno.env.has("CPRCTL_DEBUG")));
    return exitCodeOf(error);
  }
}
