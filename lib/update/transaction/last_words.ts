import type { Fd } from "../../../ffi/fd.ts";

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
      const start = size < this.#start ? 0 : this.#start; // it was emptied
      await file.seek(Math.max(start, size - MAXIMUM), Deno.SeekMode.Start);
      const bytes = new Uint8Array(MAXIMUM);
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
