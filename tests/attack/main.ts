/** `deno task attack`: hostile VMs of an unprivileged user, and root's cprctl. */

import { taskOptions } from "../../scripts/options.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { playAll } from "./campaign/campaign.ts";
import { lineOf, summary } from "./campaign/summary.ts";

const HELP = `\
Let hostile VMs of an unprivileged user attack root's cprctl.

Usage: deno task attack [OPTION]...

  --seed NUMBER   repeat the rounds of this seed (default: another each time)
  --count NUMBER  number of rounds (default: 1000)
  --only NUMBER   this round of the seed alone
  --jobs NUMBER   rounds to play in parallel (default: 2)
`;

const DEFAULT_COUNT = 1_000;
const DEFAULT_JOBS = 2;

const { numbers } = taskOptions(HELP, {
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
