import { ENGINE, type Engine } from "../../lib/cli/engine.ts";
import { contextOf, run } from "../../lib/cli/run.ts";
import { capturedProcess } from "../../testing/program/captured.ts";
import type { Ended } from "../../testing/program/program.ts";

/** Runs a command in this process, with the parts of an engine that it may use. */
export async function runHere(
  words: readonly string[],
  engine: Partial<Engine> = {},
): Promise<Ended> {
  const process = capturedProcess();
  const unused = Object.fromEntries(
    Object.keys(ENGINE).map((name) => [name, () => {
      throw new Error(`Nothing was to call ${name}`);
    }]),
  );
  const context = contextOf(process, { ...ENGINE, ...unused, ...engine });
  const code = await run(words, context);
  return { code, ...process.written };
}
