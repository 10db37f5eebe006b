/** `deno task faults`: random faults in a row, or the table of docs/faults.md. */

import { taskOptions } from "../../scripts/options.ts";
import type { Mode } from "../../lib/update/phase.ts";
import {
  type QemuBuilds,
  qemuBuilds,
} from "../../testing/qemu/builds/builds.ts";
import {
  type Accelerator,
  accelerators,
  PLAIN,
} from "../../testing/qemu/mod.ts";
import { play, type Played, round } from "./campaign/campaign.ts";
import { lineOf, summary } from "./campaign/summary.ts";
import { inject, type Result } from "./harness/inject.ts";
import { faultTable } from "./markdown.ts";
import { FAULTS } from "./table/mod.ts";

const HELP = `\
Inject random faults into updates of real VMs.

Usage: deno task faults [OPTION]...

  --seed NUMBER   repeat the rounds of this seed (default: another each time)
  --count NUMBER  number of rounds (default: 200)
  --only NUMBER   this round of the seed alone
  --transfer      of updates by cpr-transfer, not by cpr-exec
  --markdown      every fault once, as the table of docs/faults.md
`;

const DEFAULT_COUNT = 200;

interface Options {
  readonly seed: number;
  readonly rounds: readonly number[];
  readonly markdown: boolean;
  readonly mode: Mode;
}

function parse(): Options {
  const { numbers, switches } = taskOptions(HELP, {
    numbers: ["seed", "count", "only"],
    switches: ["markdown", "transfer"],
  });
  const { seed = Date.now() % 2 ** 31, count = DEFAULT_COUNT, only } = numbers;
  return {
    seed,
    rounds: only === undefined
      ? Array.from({ length: count }, (_, number) => number)
      : [only],
    markdown: switches.has("markdown"),
    mode: switches.has("transfer") ? "cpr-transfer" : "cpr-exec",
  };
}

async function campaign(
  { seed, rounds, mode }: Options,
  available: readonly Accelerator[],
  builds: QemuBuilds,
): Promise<boolean> {
  console.log(`Seed ${seed}, ${rounds.length} rounds`);
  const played: Played[] = [];
  for (const number of rounds) {
    const done = await play(round(seed, number, available, builds, mode));
    played.push(done);
    console.log(lineOf(done));
    if (done.result instanceof Error && rounds.length === 1) {
      console.error(done.result);
    }
  }
  console.log(`\nSeed ${seed}\n\n${summary(played)}`);
  return played.every(({ result }) => !(result instanceof Error));
}

async function table(builds: QemuBuilds): Promise<void> {
  const isRoot = Deno.uid() === 0;
  const results: Result[] = [];
  for (const fault of FAULTS) {
    if (fault.root && !isRoot) continue;
    console.error(`${fault.name}, ${fault.when}`);
    const target = { machine: PLAIN, accelerator: "tcg", builds } as const;
    results.push(await inject(fault, target));
  }
  console.log(faultTable(results));
}

const options = parse();
const builds = await qemuBuilds();
if (options.markdown) {
  await table(builds);
  Deno.exit(0);
}
const good = await campaign(options, await accelerators(builds.old), builds);
Deno.exit(good ? 0 : 1);
