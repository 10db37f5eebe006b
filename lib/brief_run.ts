/**
 * Runs a program that may be anything, for a short time: with an empty
 * environment, nothing to read, and what it says read up to a limit. It is in
 * a session of its own, without a terminal, has no descriptor of ours, and its
 * process group ends with it.
 *
 * @module
 */

import type { Child } from "../ffi/child.ts";
import type { Fd } from "../ffi/fd.ts";
import { ifPossible, OsError } from "../ffi/libc.ts";
import { Pipe } from "../ffi/pipe.ts";
import { poll, POLLIN, pollNow } from "../ffi/poll.ts";
import { spawn } from "../ffi/spawn.ts";

/** Scripts find their interpreter with it. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const CHUNK_BYTES = 64 * 1024;
/** A killed process is gone in microseconds, unless the kernel holds it. */
const KILL_TIMEOUT_MS = 5_000;
const STREAMS = { stdout: 1, stderr: 2 } as const;

/** What a program is started with. */
export interface BriefStart {
  readonly argv: readonly string[];
  /** All of its environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** The number there, and the descriptor here; nothing else is open. */
  readonly descriptors: ReadonlyMap<number, number>;
}

/** How to run a program. */
export interface BriefRun {
  readonly args: readonly string[];
  /** In its otherwise empty environment. */
  readonly variables?: Readonly<Record<string, string>>;
  /** What it has open besides: the number there, and the descriptor here. */
  readonly descriptors?: ReadonlyMap<number, number>;
  /** What is listened to; the other one goes nowhere. */
  readonly output: "stdout" | "stderr";
  /** A program that says more, in UTF-16 units, is ended. */
  readonly maximum: number;
  readonly timeoutMs: number;
  /** Starts it as the leader of a session; as this process's user by default. */
  readonly start?: (what: BriefStart) => Child;
}

/** How it ended. */
export interface BriefEnd {
  /** What it said; nothing where it had to be ended. */
  readonly text: string;
  /** What was wrong, to be read after the program's name; or nothing. */
  readonly failure?: string;
}

/**
 * Runs a program to its end, or ends it.
 *
 * @throws {OsError} when it cannot be started
 */
export async function runBriefly(
  program: string,
  run: BriefRun,
): Promise<BriefEnd> {
  const { args, variables = {}, output, timeoutMs } = run;
  using pipe = Pipe.make();
  using child = (run.start ?? startHere)({
    argv: [program, ...args],
    environment: { PATH, ...variables },
    descriptors: new Map([
      ...run.descriptors ?? [],
      [STREAMS[output], pipe.writer.number],
    ]),
  });
  pipe.writer.close();
  pipe.reader.setNonblocking(true);
  const said = new Said(pipe.reader, run.maximum);
  try {
    await listen(said, child, performance.now() + timeoutMs);
  } finally {
    // Before the child is waited for: afterwards the group may be another's.
    child.killGroup();
  }
  if (said.tooLong) return { text: "", failure: "prints without end" };
  if (!hasEnded(child)) {
    await gone(child);
    return { text: "", failure: `did not end in ${timeoutMs} ms` };
  }
  const { code, signal } = await child.wait(KILL_TIMEOUT_MS);
  said.readOn();
  if (said.tooLong) return { text: "", failure: "prints without end" };
  const { text } = said;
  if (code === 0) return { text };
  return { text, failure: `ended with ${signal ?? `code ${code}`}` };
}

function startHere({ argv, environment, descriptors }: BriefStart): Child {
  return spawn(argv, { environment, descriptors, cwd: "/", newSession: true });
}

/** One that the kernel holds is left to it, rather than waited for here. */
async function gone(child: Child): Promise<void> {
  try {
    await child.wait(KILL_TIMEOUT_MS);
  } catch (error) {
    if (!(error instanceof OsError) || error.code !== "ETIMEDOUT") throw error;
    child.release();
  }
}

/** Reads until the program ends, says too much, or the time is over. */
async function listen(
  said: Said,
  child: Child,
  deadline: number,
): Promise<void> {
  while (!said.tooLong) {
    const left = deadline - performance.now();
    // One that closed its output and goes on is waited for all the same.
    const output = said.ended ? [] : [{ fd: said.number, events: POLLIN }];
    const [end = 0, more = 0] = await poll(
      [{ fd: child.pidFd, events: POLLIN }, ...output],
      left,
    );
    if (end !== 0) return;
    if (more === 0) return; // in time
    said.readOn();
  }
}

function hasEnded(child: Child): boolean {
  return pollNow([{ fd: child.pidFd, events: POLLIN }])[0] !== 0;
}

/** What a program wrote, up to a limit. */
class Said {
  readonly #reader: Fd;
  readonly #maximum: number;
  readonly #decoder = new TextDecoder();
  readonly #chunk = new Uint8Array(CHUNK_BYTES);
  text = "";
  ended = false;

  constructor(reader: Fd, maximum: number) {
    this.#reader = reader;
    this.#maximum = maximum;
  }

  get number(): number {
    return this.#reader.number;
  }

  get tooLong(): boolean {
    return this.text.length > this.#maximum;
  }

  /** Reads what is there. */
  readOn(): void {
    while (!this.tooLong && !this.ended) {
      const read = () => this.#reader.read(this.#chunk);
      const count = ifPossible(read, "EAGAIN");
      if (count === undefined) return;
      this.ended = count === 0;
      const part = this.#chunk.subarray(0, count);
      this.text += this.#decoder.decode(part, { stream: true });
    }
  }
}
