/**
 * Measures cprctl, each figure beside its yardstick.
 *
 * ```sh
 * deno task bench             # everything, in a quarter of an hour
 * deno task bench start exec  # these sections
 * CPRCTL=dist/cprctl deno task bench start
 * ```
 *
 * @module
 */

import { benchAll } from "./bench/all.ts";
import { benchCodec } from "./bench/codec.ts";
import { benchEmbedded } from "./bench/embedded.ts";
import { benchExec } from "./bench/exec.ts";
import { benchFailing } from "./bench/failing.ts";
import { describeHost } from "./bench/host.ts";
import { benchInspect } from "./bench/inspect.ts";
import { benchReal } from "./bench/real.ts";
import { benchStart } from "./bench/start.ts";
import { benchTransfer } from "./bench/transfer.ts";

const SECTIONS: Readonly<Record<string, () => Promise<void>>> = {
  start: benchStart,
  exec: benchExec,
  embedded: benchEmbedded,
  codec: benchCodec,
  inspect: benchInspect,
  real: benchReal,
  transfer: benchTransfer,
  failing: benchFailing,
  all: benchAll,
};

async function main(words: readonly string[]): Promise<number> {
  const names = words.length > 0 ? words : Object.keys(SECTIONS);
  const unknown = names.find((name) => !(name in SECTIONS));
  if (unknown !== undefined) {
    const known = Object.keys(SECTIONS).join(", ");
    console.error(`Cannot measure "${unknown}": the sections are ${known}`);
    return 2;
  }
  console.log(`machine: ${await describeHost()}`);
  console.log("figures: median, least … most, number of runs, ratio");
  for (const name of names) await SECTIONS[name]?.();
  console.log(`\nmachine: ${await describeHost()}`);
  return 0;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
