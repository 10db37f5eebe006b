/** `deno task changes`: VMs that are changed at run time, and then updated. */

import { taskOptions } from "../../scripts/options.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { playAll } from "./campaign/campaign.ts";
import { lineOf, summary } from "./campaign/summary.ts";

const HELP = `\
Change real VMs at random at run time, and update them or roll them back.

Usage: deno task changes [OPTION]...

  --seed NUMBER   repeat the sequences of this seed (default: another each time)
  --count NUMBER  number of sequences (default: 500)
  --only NUMBER   this sequence of the seed, after those before it on its VM
`;

const DEFAULT_COUNT = 500;

const { numbers } = taskOptions(HELP, { numbers: ["seed", "count", "only"] });
const { seed = Date.now() % 2 ** 31, count = DEFAULT_COUNT, only } = numbers;
console.log(`Seed ${seed}`);
const played = await playAll({
  seed,
  builds: await qemuBuilds(),
  ...only === undefined ? { count } : { first: only, count: 1 },
  each: (done) => {
    console.log(lineOf(done));
    const { result, log } = done;
    if (result instanceof Error || only !== undefined) {
      console.log(log.map((line) => `       ${line}`).join("\n"));
    }
    if (result instanceof Error && only !== undefined) console.error(result);
  },
});
console.log(`\nSeed ${seed}\n\n${summary(played)}`);
Deno.exit(played.some(({ result }) => result instanceof Error) ? 1 : 0);
