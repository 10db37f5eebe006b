/**
 * A word of guest RAM that changes all the time while the guest runs: its
 * counter, whatever the guest uses it for. RAM is read through the file that
 * backs it, which is the same before and after an update, in any process.
 *
 * @module
 */

import type { Fd } from "../../../ffi/fd.ts";
import { CprctlError } from "../../errors.ts";
import { sleep } from "../../sleep.ts";
import { Deadline } from "../deadline.ts";

const WORD_BYTES = 8;
const WINDOW_BYTES = 32 << 20;
/** For some gigabytes; a process may make its file as large as it likes. */
const SEARCH_TIMEOUT_MS = 60_000;
/** Between two looks at the same window. */
const PAUSE_MS = 20;
/** A busy guest changes thousands: these are enough to choose from. */
const MOST_WORDS = 256;
const ROUNDS = 100;
const ROUND_MS = 1;

/** A word that changes. */
export interface ChangingWord {
  /** Byte offset in the RAM's file. */
  readonly offset: number;
  /** How often it changes, in milliseconds; 1 also where it is oftener. */
  readonly everyMs: number;
}

/**
 * Finds the word that changes the most often of those that come first.
 *
 * @throws {CprctlError} when none does in time: the guest is stopped or idle
 */
export async function findChangingWord(
  ram: Fd,
  timeoutMs = SEARCH_TIMEOUT_MS,
): Promise<ChangingWord> {
  const words = await wordsThatChange(ram, new Deadline(timeoutMs));
  const changes = await countChanges(ram, words);
  const most = Math.max(0, ...changes);
  const offset = words[changes.indexOf(most)];
  if (offset === undefined || most === 0) {
    throw new CprctlError(
      "guest-stands-still",
      "Nothing changes in the RAM of the guest: it is stopped, or idle",
      { remedy: "Keep the guest busy, and measure again" },
    );
  }
  return { offset, everyMs: ROUNDS * ROUND_MS / most };
}

async function wordsThatChange(
  ram: Fd,
  deadline: Deadline,
): Promise<number[]> {
  const { size } = ram.stat();
  const [before, after] = [
    new Uint8Array(WINDOW_BYTES),
    new Uint8Array(WINDOW_BYTES),
  ];
  const found: number[] = [];
  for (let at = 0; at < size && deadline.left() > 0; at += WINDOW_BYTES) {
    const length = ram.preadAll(before, at);
    await sleep(PAUSE_MS);
    ram.preadAll(after, at);
    const [was, is] = [before, after].map((it) =>
      new BigUint64Array(it.buffer, 0, Math.floor(length / WORD_BYTES))
    );
    for (const [index, word] of (was ?? []).entries()) {
      if (word === is?.[index]) continue;
      found.push(at + index * WORD_BYTES);
      if (found.length === MOST_WORDS) return found;
    }
  }
  return found;
}

/** How often each changed in {@linkcode ROUNDS} looks. */
async function countChanges(
  ram: Fd,
  offsets: readonly number[],
): Promise<number[]> {
  const last = offsets.map((offset) => wordAt(ram, offset));
  const changes = offsets.map(() => 0);
  for (let round = 0; round < ROUNDS; round++) {
    await sleep(ROUND_MS);
    for (const [at, offset] of offsets.entries()) {
      const word = wordAt(ram, offset);
      if (word !== last[at]) changes[at] = (changes[at] ?? 0) + 1;
      last[at] = word;
    }
  }
  return changes;
}

const word = new BigUint64Array(1);
const wordBytes = new Uint8Array(word.buffer);

/** The word at an offset; as before where the file has become shorter. */
export function wordAt(ram: Fd, offset: number): bigint {
  ram.preadAll(wordBytes, offset);
  return word[0] ?? 0n;
}
