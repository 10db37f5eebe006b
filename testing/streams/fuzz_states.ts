/** The broken states of the fuzz: a seed and a number always give the same. */

import { gzipSync, zstdCompressSync } from "node:zlib";
import { type Input, openInput } from "../../lib/inspect/mod.ts";
import { writeAll } from "../program/write_all.ts";
import { Random } from "../random.ts";
import { BOMBS } from "./bombs.ts";
import { bytes } from "./foreign.ts";
import type { Seeds } from "./fuzz_seeds.ts";
import { broken, flipBit, lieAboutLength } from "./mutations.ts";
import { qcow2 } from "./qcow2.ts";
import { inputOf } from "./streams.ts";

/** One state to look into. */
export interface BrokenState {
  readonly kind: Kind;
  readonly open: () => Input | Promise<Input>;
  /** The file that it is in. */
  readonly path?: string;
  /** The whole state that it was made of. */
  readonly whole?: Uint8Array;
  /** Another one made of that. */
  readonly another?: Uint8Array;
  /** Chooses what is looked for. */
  readonly random: Random;
}

/**
 * How many runs of ten thousand are of a kind that takes as long as tens to
 * thousands of others. All others break one device, or a stream of some records.
 */
const SHARES = { bomb: 2, file: 30, stream: 50, virtio: 100 } as const;
const ALL = 10_000;

/** What a state was made of. */
export type Kind = keyof typeof SHARES | "small";

/** Numbers one after the other must not give similar random numbers. */
const STRIDE = 0x9e3779b9;

/**
 * The state of a run.
 *
 * @param folder for files
 */
export function brokenState(
  seeds: Seeds,
  { seed, run }: { readonly seed: number; readonly run: number },
  folder: string,
): BrokenState {
  const random = new Random(seed ^ Math.imul(run + 1, STRIDE));
  const kind = kindOf(random.below(ALL));
  if (kind === "bomb") {
    const bomb = brokenBomb(random);
    return { kind, random, open: () => inputOf(bomb) };
  }
  const from = sourceOf(kind, seeds, random);
  const whole = random.one(from);
  const state = broken(whole, from, random);
  if (kind === "file") {
    const path = `${folder}/state`;
    writeFile(path, state, random);
    return { kind, random, whole, path, open: () => openInput(path) };
  }
  const another = broken(whole, from, random);
  return { kind, random, whole, another, open: () => inputOf(state) };
}

function kindOf(number: number): Kind {
  let end = 0;
  for (const kind of ["bomb", "file", "stream", "virtio"] as const) {
    end += SHARES[kind];
    if (number < end) return kind;
  }
  return "small";
}

function sourceOf(
  kind: Kind,
  { formats, virtio, devices, streams }: Seeds,
  random: Random,
): readonly Uint8Array[] {
  if (kind === "stream") return streams;
  if (kind === "virtio") return virtio;
  return random.one([formats, devices]);
}

/** A bomb of any size, in every second run with one thing wrong. */
function brokenBomb(random: Random): Uint8Array {
  const { make, most } = random.one(Object.values(BOMBS));
  // As many small ones as large ones.
  const bomb = make(Math.ceil(most / 2 ** random.below(12)));
  return random.one([flipBit, lieAboutLength, (it: Uint8Array) => it])(
    bomb,
    random,
    bomb,
  );
}

/** Writes a state, or what contains one, in every second run broken as well. */
function writeFile(path: string, state: Uint8Array, random: Random): void {
  if (random.below(4) === 0) return writeHole(path, state, random);
  const pack = random.one([
    (state: Uint8Array) => state,
    saveImage,
    gzipSync,
    zstdCompressSync,
    (state: Uint8Array) => saveImage(gzipSync(state)),
    (state: Uint8Array) => gzipSync(saveImage(state)),
    (state: Uint8Array) => qcow2([{ name: "snapshot", state }]),
  ]);
  const packed = pack(state);
  const isBroken = packed.length > 0 && random.below(2) === 0;
  Deno.writeFileSync(path, isBroken ? broken(packed, [state], random) : packed);
}

const XML = "<domain/>\0";

/** A file of virsh save. */
function saveImage(stream: Uint8Array): Uint8Array {
  return bytes((sink) => {
    sink.text("LibvirtQemudSave");
    sink.u32(2);
    sink.u32(XML.length);
    sink.zeros(92 - sink.offset);
    sink.text(XML);
    sink.bytes(stream);
  });
}

/** From what is mapped rather than read, up to 1 TiB. */
const HOLE_BITS = { least: 27, most: 40 } as const;

/** A state with a hole anywhere. */
function writeHole(path: string, state: Uint8Array, random: Random): void {
  const at = random.below(state.length + 1);
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
}
