import type { Fd } from "../../../ffi/fd.ts";
import { answered } from "../../bounded_file.ts";

/** The number of standard error. */
export const STDERR = 2;

/** More would hide what matters. */
const MAXIMUM = 1024;
/** Whoever made the file's file system may let its readers wait. */
const TIMEOUT_MS = 1_000;

/**
 * What a program says at its end, where the VM's standard error is a file. It
 * is read from that very file, by its end alone, and on a thread.
 */
export class LastWords {
  readonly #stderr: Fd | undefined;
  readonly #start: number;
  #end = Infinity;

  private constructor(stderr: Fd | undefined, start: number) {
    this.#stderr = stderr;
    this.#start = start;
  }

  /** What is there so far is of others. */
  static after(stderr: Fd | undefined): LastWords {
    const status = stderr?.stat();
    return status?.isFile
      ? new LastWords(stderr, status.size)
      : new LastWords(undefined, 0);
  }

  /**
   * @param said where it began to speak; undefined: nobody knows
   */
  static from(stderr: Fd | undefined, said: number | undefined): LastWords {
    return said === undefined
      ? new LastWords(undefined, 0)
      : new LastWords(stderr, said);
  }

  /** What comes from now on is another program's. */
  async end(): Promise<void> {
    if (this.#stderr === undefined) return;
    const length = await lengthOf(`/proc/self/fd/${this.#stderr.number}`);
    this.#end = length ?? Infinity;
  }

  /** The last lines since then, in one; empty where there are none. */
  async heard(): Promise<string> {
    if (this.#stderr === undefined) return "";
    const late = Promise.withResolvers<string>();
    const timer = setTimeout(() => late.resolve(""), TIMEOUT_MS);
    try {
      return await Promise.race([this.#read(this.#stderr), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #read({ number }: Fd): Promise<string> {
    try {
      // It may be open to be written only.
      using file = await Deno.open(`/proc/self/fd/${number}`);
      const { size } = await file.stat();
      const end = Math.min(size, this.#end);
      const start = end < this.#start ? 0 : this.#start; // it was emptied
      const from = Math.max(start, end - MAXIMUM);
      await file.seek(from, Deno.SeekMode.Start);
      const bytes = new Uint8Array(end - from);
      if (bytes.length === 0) return "";
      const count = await file.read(bytes) ?? 0;
      const text = new TextDecoder().decode(bytes.subarray(0, count));
      return text.trim().replaceAll(/\s*\n\s*/g, "; ");
    } catch (error) {
      // Another user's, a full table of files, or a broken disk: no words.
      if (!(error instanceof Error)) throw error;
      return "";
    }
  }
}

/** How much a VM's program has said so far; undefined where it is no file. */
export async function saidSoFar(pid: number): Promise<number | undefined> {
  return await lengthOf(`/proc/${pid}/fd/${STDERR}`);
}

/** Undefined for what is no file, cannot be seen, or does not answer in time. */
async function lengthOf(path: string): Promise<number | undefined> {
  try {
    const status = await answered(path, Deno.stat(path));
    return status.isFile ? status.size : undefined;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return undefined;
  }
}
