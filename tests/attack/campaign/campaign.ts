/** Round after round, on grounds of their own where several are played. */

import { assert } from "@std/assert";
import type { QemuBuilds } from "../../../testing/qemu/builds/builds.ts";
import { Ground } from "./ground.ts";
import { play } from "./play.ts";
import { roundOf } from "./round.ts";
import type { Played } from "./summary.ts";
import { runCprctl } from "../../../testing/program/program.ts";

/** The honest VM is looked for in the list that often. */
const LIST_EVERY = 10;
const LOOKS = 5;

/** What is played, and how. */
export interface Campaign {
  readonly seed: number;
  readonly builds: QemuBuilds;
  /** Rounds at once. */
  readonly jobs: number;
  readonly each?: (played: Played) => void;
}

/** Plays rounds; in the order in which they ended. */
export async function playAll(
  numbers: readonly number[],
  campaign: Campaign,
): Promise<Played[]> {
  const played: Played[] = [];
  const waiting = numbers.values();
  const worker = async () => {
    await using ground = await Ground.open();
    for (const number of waiting) {
      const done = await playOne(number, ground, campaign);
      played.push(done);
      campaign.each?.(done);
    }
  };
  const jobs = Math.min(campaign.jobs, numbers.length);
  await Promise.all(Array.from({ length: jobs }, worker));
  return played;
}

async function playOne(
  number: number,
  ground: Ground,
  { seed, builds }: Campaign,
): Promise<Played> {
  const round = roundOf(seed, number, ground.secret.path);
  try {
    const result = await play(round, ground, builds);
    if (number % LIST_EVERY === 0) await assertListed(ground);
    return { round, result };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { round, result: error };
  }
}

interface Listed {
  readonly pid: number;
  readonly name: string | null;
  readonly status: string | null;
}

/** Looks again where a busy host leaves a monitor no time to answer in. */
async function assertListed(ground: Ground): Promise<void> {
  let own: Listed | undefined;
  for (let look = 0; look < LOOKS; look++) {
    const { code, stdout, stderr } = await runCprctl(["list", "--json"]);
    assert(code === 0, `list: ${stdout} ${stderr}`);
    const { vms } = JSON.parse(stdout) as { vms: Listed[] };
    own = vms.find((it) => it.pid === ground.neighbour.pid);
    if (own?.status === "running") break;
  }
  assert(
    own?.name === ground.neighbourName && own.status === "running",
    `The honest VM is listed as ${JSON.stringify(own)}`,
  );
}
