/**
 * Runs an untrusted program for a short time: with an empty environment, empty
 * input and limited output, in a new session without a terminal, and without
 * our descriptors. Its process group is killed at its end.
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

/** A program that is cold on a slow disk takes seconds to start. */
const TIMEOUT_MS = 15_000;
const CHUNK_BYTES = 64 * 1024;
/** A killed process ends in microseconds, unless it hangs in the kernel. */
const KILL_TIMEOUT_MS = 5_000;
const STREAMS = { stdout: 1, stderr: 2 } as const;

/** How a program is started. */
export interface BriefStart {
  readonly argv: readonly string[];
  /** Its whole environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** From the number there to the number here; nothing else is open. */
  readonly descriptors: ReadonlyMap<number, number>;
}

/** How to run a program. */
export interface BriefRun {
  readonly args: readonly string[];
  /** In its otherwise empty environment. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Additional descriptors: from the number there to the number here. */
  readonly descriptors?: ReadonlyMap<number, number>;
  /** The output that is read; the other one is discarded. */
  readonly output: "stdout" | "stderr";
  /** In UTF-16 units; a program that prints more is killed. */
  readonly maximum: number;
  /** Default: {@linkcode TIMEOUT_MS}. */
  readonly timeoutMs?: number;
  /**
   * Starts it as the leader of a session; as this process's user by default.
   */
  readonly start?: (what: BriefStart) => Child;
}

/** The result of a run. */
export interface BriefEnd {
  /** Its output; empty if it was killed. */
  readonly text: string;
  /** The failure, to follow the program's name in a message. */
  readonly failure?: string;
  /**
   * CPU time of all its threads, also before the exec, in milliseconds;
   * undefined if it was killed.
   */
  readonly cpuMs?: number;
}

/**
 * Runs a program until it ends, or kills it.
 *
 * @throws {OsError} when it cannot be started
 */
export async function runBriefly(
  program: string,
  run: BriefRun,
): Promise<BriefEnd> {
  const { args, variables = {}, output, timeoutMs = TIMEOUT_MS } = run;
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
    // Before the child is reaped: afterwards the number may be reused.
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
  const cpuMs = child.cpuTime;
  if (code === 0) return { text, cpuMs };
  return { text, failure: `ended with ${signal ?? `code ${code}`}`, cpuMs };
}

function startHere({ argv, environment, descriptors }: BriefStart): Child {
  return spawn(argv, { environment, descriptors, cwd: "/", newSession: true });
}

/** A child that hangs in the kernel is not waited for. */
async function gone(child: Child): Promise<void> {
  try {
    await child.wait(KILL_TIMEOUT_MS);
  } catch (error) {
    if (!(error instanceof OsError) || error.code !== "ETIMEDOUT") throw error;
    child.release();
  }
}

/** Reads until the program ends, prints too much, or the time is over. */
async function listen(
  said: Said,
  child: Child,
  deadline: number,
): Promise<void> {
  while (!said.tooLong) {
    const left = deadline - performance.now();
    // A program may close its output and continue: wait for it as well.
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

/** The output of a program, up to a limit. */
class Said {
  readonly #decoder = new TextDecoder();
  readonly #chunk = new Uint8Array(CHUNK_BYTES);
  text = "";
  ended = false;

  constructor(
    private readonly reader: Fd,
    private readonly maximum: number,
  ) {}

  get number(): number {
    return this.reader.number;
  }

  get tooLong(): boolean {
    return this.text.length > this.maximum;
  }

  /** Reads what is available. */
  readOn(): void {
    while (!this.tooLong && !this.ended) {
      const read = () => this.reader.read(this.#chunk);
      const count = ifPossible(read, "EAGAIN");
      if (count === undefined) return;
      this.ended = count === 0;
      const part = this.#chunk.subarray(0, count);
      this.text += this.#decoder.decode(part, { stream: true });
    }
  }
}
