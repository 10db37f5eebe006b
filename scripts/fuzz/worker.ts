/**
 * A worker of fuzz.ts, a process of its own: a state may crash it, or never end.
 * Standard output has a line of JSON at the beginning and at the end of each run.
 *
 * Arguments: seed, first run, distance to the next one, end, folder for files.
 */

import { Fuzz, lookInto } from "../../testing/streams/fuzz_inspect.ts";
import { readSeeds } from "../../testing/streams/fuzz_seeds.ts";
import { writeAll } from "../../testing/program/write_all.ts";
import { collectGarbage, Meter } from "../../testing/meter.ts";
import { AGAIN, type FuzzLine, type Ran } from "./line.ts";
import { tooMuch } from "./limits.ts";

/** A run that does not end is not waited for: seconds of CPU time. */
const HANG_S = 60;

const [seed = 0, first = 0, step = 1, end = 0] = Deno.args.map(Number);
const folder = Deno.args[4] ?? "";
const seeds = await readSeeds();
const fuzz = new Fuzz(seeds, folder);
// What is loaded and compiled on first use belongs to no run.
for (const whole of seeds.formats) await lookInto(whole, folder);
using meter = new Meter();
for (let run = first; run < end; run += step) {
  say({ begins: run });
  const ran = await measured(run);
  // What earlier runs have left must not be taken for the memory of this one.
  if (ran.problem === undefined || run === first) say({ run, ran });
  if (ran.problem !== undefined || ran.kind === "bomb") Deno.exit(AGAIN);
}

async function measured(run: number): Promise<Ran> {
  const state = fuzz.state(seed, run);
  // Making one takes a multiple of it.
  if (state.kind === "bomb") collectGarbage();
  meter.begin(HANG_S);
  try {
    const looked = await fuzz.look(state);
    const taken = meter.end();
    return { ...looked, ...taken, problem: tooMuch({ ...looked, ...taken }) };
  } catch (error) {
    return {
      kind: state.kind,
      outcome: "refused",
      read: 0,
      written: 0,
      ...meter.end(),
      problem: Deno.inspect(error),
    };
  }
}

function say(line: FuzzLine): void {
  const text = `${JSON.stringify(line)}\n`;
  writeAll(Deno.stdout, new TextEncoder().encode(text));
}
