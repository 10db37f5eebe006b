/** The short form of the campaign: the same rounds each time. */

import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { playAll } from "./campaign/campaign.ts";
import { lineOf } from "./campaign/summary.ts";

const ROUNDS = 15;
const SEED = 7;

const builds = await qemuBuilds();
const ignore = Deno.uid() !== 0;
if (ignore) console.warn("Not root: the attacks wait");

Deno.test({
  name: `${ROUNDS} attacks at random gain nothing, seed ${SEED}`,
  ignore,
  async fn() {
    const played = await playAll(
      Array.from({ length: ROUNDS }, (_, number) => number),
      {
        ...{ seed: SEED, builds, jobs: 1 },
        each: (played) => console.log(lineOf(played)),
      },
    );
    const wrong = played.filter(({ result }) => result instanceof Error);
    if (wrong.length === 0) return;
    throw new Error(wrong.map(lineOf).join("\n"));
  },
});
