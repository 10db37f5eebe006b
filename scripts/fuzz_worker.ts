/// <reference no-default-lib="true" />
/// <reference lib="deno.worker" />
/** The worker of fuzz.ts: may hang or crash without taking it along. */

import { corpus, fuzzInspect } from "../testing/streams/fuzz_inspect.ts";
import type { FuzzAnswer, FuzzOrder } from "./fuzz.ts";

/** Each takes as long as some hundred others. */
const BOMB_EVERY = 500;

self.onmessage = async ({ data }: MessageEvent<FuzzOrder>) => {
  self.postMessage(await answer(data));
};

async function answer({ seed, runs, at }: FuzzOrder): Promise<FuzzAnswer> {
  const folder = Deno.makeTempDirSync({ prefix: "cprctl-fuzz-" });
  try {
    const report = await fuzzInspect({
      corpus: await corpus(),
      seed,
      runs,
      bombEvery: BOMB_EVERY,
      folder,
      begun: (run) => void Atomics.store(at, 0, run),
    });
    return { report };
  } catch (error) {
    return { failure: Deno.inspect(error) };
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}
