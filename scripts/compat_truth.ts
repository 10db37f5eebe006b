/**
 * Holds what `cprctl compat` says against what QEMU does.
 *
 * A VM with one device is saved by one release of QEMU and loaded by others,
 * for every type of device on three kinds of machine. The guest never runs.
 *
 * @module
 */

import { ifThere } from "../lib/gone.ts";
import { Reaper } from "../testing/program/reaper.ts";
import { earlierBuilds, qemuBuilds } from "../testing/qemu/builds/builds.ts";
import type { Load } from "./compat_truth/load.ts";
import { trialsOf } from "./compat_truth/plan.ts";
import { type Predicted, Predictor } from "./compat_truth/predict.ts";
import { makeLoads, usableTypes } from "./compat_truth/run.ts";
import { isGood, judge, lineOf, tableOf } from "./compat_truth/table.ts";
import { taskOptions } from "./options.ts";

const HELP = `\
Hold what "cprctl compat" says against what QEMU 7.2, 10.0 and 11.1 do.

Usage: deno task compat:truth [--seed NUMBER] [--loads NUMBER] [--all]
                              [--only DEVICES] [--keep FOLDER]

  --seed NUMBER   draw devices, machines and releases by this seed (default: 1)
  --loads NUMBER  number of loads (default: 450; two busy cores make 20 a minute)
  --all           every load that there is, for some hours
  --only DEVICES  devices whose names begin so, separated by commas
  --keep FOLDER   keep what was saved; if it is there, start no QEMU and ask
                  compat again

Prints each prediction that is wrong, and a table. Fails if a load is refused
that QEMU makes, or for false alarms of 5 % and more.
`;

const DEFAULT_LOADS = 450;
/** In the folder that is kept. */
const LOADS = "loads.json";

async function main(): Promise<number> {
  const { numbers, switches, texts } = taskOptions(HELP, {
    numbers: ["seed", "loads"],
    switches: ["all"],
    texts: ["only", "keep"],
  });
  const { keep } = texts;
  const latest = await qemuBuilds(console.log);
  const builds = [
    ...await earlierBuilds(console.log),
    latest.old,
    latest.new,
  ];
  const predictor = new Predictor(builds);
  const predicted: Predicted[] = [];
  const predict = async (load: Load) => {
    const result = await predictor.predict(load);
    predicted.push(result);
    if (judge(result) !== "right") console.log(lineOf(result));
  };
  const kept = keep && await ifThere(Deno.readTextFile(`${keep}/${LOADS}`));
  if (kept) {
    const loads: Load[] = JSON.parse(kept);
    for (const load of loads) await predict(load);
  } else {
    const { seed = 1 } = numbers;
    const all = switches.has("all");
    const enough = numbers.loads ?? (all ? Infinity : DEFAULT_LOADS);
    const types = await usableTypes(builds, texts.only?.split(",") ?? []);
    const trials = trialsOf(types, builds, seed, all);
    console.log(`seed ${seed}, ${types.length} types of device`);
    const folder = keep ?? await Deno.makeTempDir({ prefix: "cprctl-truth-" });
    await Deno.mkdir(folder, { recursive: true });
    // Removes it, also if this process is killed.
    await using _reaper = keep === undefined ? new Reaper(folder) : undefined;
    await makeLoads(trials, folder, predict, enough);
    const loads = predicted.map(({ findings: _, ...load }) => load);
    await Deno.writeTextFile(`${folder}/${LOADS}`, JSON.stringify(loads));
  }
  console.log(tableOf(predicted));
  return isGood(predicted) ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main());
