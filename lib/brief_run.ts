/**
 * Runs a program that may be anything, for a short time: with an empty
 * environment, nothing to read, and what it says read up to a limit.
 *
 * @module
 */

/** Scripts find their interpreter with it. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** How to run a program. */
export interface BriefRun {
  readonly args: readonly string[];
  /** Who runs it; counts when we are root. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  /** In its otherwise empty environment. */
  readonly variables?: Readonly<Record<string, string>>;
  /** What is listened to; the other one goes nowhere. */
  readonly output: "stdout" | "stderr";
  /** A program that says more, in UTF-16 units, is ended. */
  readonly maximum: number;
  readonly timeoutMs: number;
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
 * @throws {Error} when it cannot be started
 */
export async function runBriefly(
  program: string,
  { args, user, variables = {}, output, maximum, timeoutMs }: BriefRun,
): Promise<BriefEnd> {
  const child = new Deno.Command(program, {
    args: [...args],
    cwd: "/",
    clearEnv: true,
    env: { PATH, ...variables },
    stdin: "null",
    stdout: "null",
    stderr: "null",
    [output]: "piped",
    ...Deno.uid() === 0 && user !== undefined ? user : {},
  }).spawn();
  let ended = false;
  let late = false;
  const status = child.status.finally(() => ended = true);
  const reader = child[output].getReader();
  const giveUp = setTimeout(() => {
    late = true;
    // What it started may live on and hold the pipe.
    reader.cancel();
    if (!ended) child.kill("SIGKILL");
  }, timeoutMs);
  try {
    const { text, whole } = await read(reader, maximum);
    if (!whole && !ended) child.kill("SIGKILL");
    const { code, signal } = await status;
    if (!whole) return { text: "", failure: "prints without end" };
    if (late) return { text: "", failure: `did not end in ${timeoutMs} ms` };
    if (code === 0) return { text };
    return { text, failure: `ended with ${signal ?? `code ${code}`}` };
  } finally {
    clearTimeout(giveUp);
    await reader.cancel();
  }
}

async function read(
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
  maximum: number,
): Promise<{ text: string; whole: boolean }> {
  const decoder = new TextDecoder();
  let text = "";
  while (text.length <= maximum) {
    const { done, value } = await reader.read();
    if (done) return { text, whole: true };
    text += decoder.decode(value, { stream: true });
  }
  return { text, whole: false };
}
