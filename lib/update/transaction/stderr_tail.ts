import type { Fd } from "../../../ffi/fd.ts";
import { answered } from "../../bounded_file.ts";

/** The number of standard error. */
export const STDERR = 2;

/** Longer output would hide what matters. */
const MAXIMUM_BYTES = 1024;
/** The file may be on a file system that hangs. */
const TIMEOUT_MS = 1_000;

/**
 * The last output of a program, if the VM's standard error is a file. Only the
 * end of that file is read, on another thread.
 */
export class StderrTail {
  #end = Infinity;

  private constructor(
    private readonly stderr: Fd | undefined,
    private readonly start: number,
  ) {}

  /** The output from now on. */
  static after(stderr: Fd | undefined): StderrTail {
    const status = stderr?.stat();
    return StderrTail.from(stderr, status?.isFile ? status.size : undefined);
  }

  /** @param start where the output begins; undefined if that is not known */
  static from(stderr: Fd | undefined, start: number | undefined): StderrTail {
    return new StderrTail(start === undefined ? undefined : stderr, start ?? 0);
  }

  /** Later output belongs to another program. */
  async end(): Promise<void> {
    if (this.stderr === undefined) return;
    const size = await sizeOf(`/proc/self/fd/${this.stderr.number}`);
    this.#end = size ?? Infinity;
  }

  /** The last lines, joined by "; "; empty if there are none. */
  async read(): Promise<string> {
    if (this.stderr === undefined) return "";
    const late = Promise.withResolvers<string>();
    const timer = setTimeout(() => late.resolve(""), TIMEOUT_MS);
    try {
      return await Promise.race([this.#read(this.stderr), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #read({ number }: Fd): Promise<string> {
    try {
      // Opened again: the descriptor may be open for writing only.
      using file = await Deno.open(`/proc/self/fd/${number}`);
      const { size } = await file.stat();
      const end = Math.min(size, this.#end);
      const start = end < this.start ? 0 : this.start; // it was truncated
      const from = Math.max(start, end - MAXIMUM_BYTES);
      await file.seek(from, Deno.SeekMode.Start);
      const bytes = new Uint8Array(end - from);
      if (bytes.length === 0) return "";
      const count = await file.read(bytes) ?? 0;
      const text = new TextDecoder().decode(bytes.subarray(0, count));
      return text.trim().replaceAll(/\s*\n\s*/g, "; ");
    } catch (error) {
      // Optional: the message is complete without it.
      if (!(error instanceof Error)) throw error;
      return "";
    }
  }
}

/** The size of a process's standard error; undefined if it is no file. */
export async function stderrSize(pid: number): Promise<number | undefined> {
  return await sizeOf(`/proc/${pid}/fd/${STDERR}`);
}

/** Undefined if it is no file, cannot be accessed, or takes too long. */
async function sizeOf(path: string): Promise<number | undefined> {
  try {
    const status = await answered(path, Deno.stat(path));
    return status.isFile ? status.size : undefined;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return undefined;
  }
}
