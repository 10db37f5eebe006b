import { ENGINE, type Engine } from "../../lib/cli/engine.ts";
import { wholeProgram } from "../../lib/cli/program.ts";
import { run } from "../../lib/cli/run.ts";
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
  const code = await run(words, {
    process,
    engine: { ...ENGINE, ...unused, ...engine },
    program: await wholeProgram(),
  });
  return { code, ...process.written };
}
