/**
 * `deno task attack`: hostile VMs of an unprivileged user, and root's cprctl.
 *
 * ```
 * deno task attack --seed 7 --count 1000    1,000 rounds
 * deno task attack --seed 7 --only 31       round 31 of them again
 * deno task attack --jobs 4                 so many at once
 * ```
 */

import { readOptions } from "../../scripts/options.ts";
import { qemuBuilds } from "../../scripts/qemu/builds.ts";
import { playAll } from "./campaign/campaign.ts";
import { lineOf, summary } from "./campaign/summary.ts";

const DEFAULT_COUNT = 1_000;
const DEFAULT_JOBS = 2;

const { numbers } = readOptions(Deno.args, {
  numbers: ["seed", "count", "only", "jobs"],
});
const { seed = Date.now() % 2 ** 31, count = DEFAULT_COUNT, only } = numbers;
const rounds = only === undefined
  ? Array.from({ length: count }, (_, number) => number)
  : [only];
if (Deno.uid() !== 0) {
  console.error("The attacks are on root's cprctl: run this as root");
  Deno.exit(2);
}
console.log(`Seed ${seed}, ${rounds.length} rounds`);
const played = await playAll(rounds, {
  seed,
  builds: await qemuBuilds(),
  jobs: only === undefined ? numbers.jobs ?? DEFAULT_JOBS : 1,
  each: (done) => {
    console.log(lineOf(done));
    if (done.result instanceof Error && only !== undefined) {
      console.error(done.result);
    }
  },
});
console.log(`\nSeed ${seed}\n\n${summary(played)}`);
Deno.exit(played.some(({ result }) => result instanceof Error) ? 1 : 0);
