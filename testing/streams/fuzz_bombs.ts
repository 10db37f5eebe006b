/** Broken states that would take much time or memory, if one let them. */

import { type Input, openInput } from "../../lib/inspect/mod.ts";
import { BOMBS } from "./bombs.ts";
import { flipBit, lieAboutLength, type Random } from "./fuzz_decode.ts";
import { inputOf } from "./streams.ts";

/** A bomb of any size, in every second run with one thing wrong. */
export function brokenBomb(random: Random): Input {
  const { make, most } = random.one(Object.values(BOMBS));
  // As many small ones as large ones.
  const bytes = make(Math.ceil(most / 2 ** random.below(12)));
  return inputOf(
    random.one([flipBit, lieAboutLength, (it: Uint8Array) => it])(
      bytes,
      random,
      bytes,
    ),
  );
}

/** From what is mapped rather than read, up to 1 TiB. */
const HOLE_BITS = { least: 27, most: 40 } as const;

/**
 * A state in a file with a hole anywhere.
 *
 * @param path of the file, which is replaced
 */
export async function withHole(
  state: Uint8Array,
  random: Random,
  path: string,
): Promise<Input> {
  const at = random.one([random.below(state.length), state.length]);
  const bits = HOLE_BITS.least + random.below(HOLE_BITS.most - HOLE_BITS.least);
  const hole = 2 ** bits;
  using file = Deno.openSync(path, {
    create: true,
    truncate: true,
    write: true,
  });
  writeAll(file, state.subarray(0, at));
  file.seekSync(hole, Deno.SeekMode.Current);
  writeAll(file, state.subarray(at));
  file.truncateSync(hole + state.length);
  return await openInput(path);
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) {
    done += file.writeSync(bytes.subarray(done));
  }
}
