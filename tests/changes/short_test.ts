/** The short form of the campaign: the same sequences each time. */

import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { playAll } from "./campaign/campaign.ts";
import { lineOf } from "./campaign/summary.ts";

const SEQUENCES = 10;
const SEED = 4;

const builds = await qemuBuilds();

Deno.test(`${SEQUENCES} VMs that were changed at random are the same afterwards, seed ${SEED}`, async () => {
  const each = (played: Parameters<typeof lineOf>[0]) =>
    console.log(lineOf(played));
  const campaign = { seed: SEED, count: SEQUENCES, builds, each };
  const wrong = (await playAll(campaign))
    .filter(({ result }) => result instanceof Error);
  if (wrong.length === 0) return;
  throw new Error(
    wrong.map((it) => [lineOf(it), ...it.log].join("\n")).join("\n"),
  );
});
