/**
 * Asks a program what it is, by running it with options that only print.
 *
 * It runs as the VM's user, with an empty environment, for a short time, and
 * is not read without end: it may be anything.
 *
 * @module
 */

/** A program that is cold on a slow disk takes seconds to start. */
const TIMEOUT_MS = 15_000;
/** The list of devices takes some 50 kB. */
const MAX_OUTPUT = 4 * 1024 * 1024;
/** Scripts find their interpreter with it. */
const PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** A program did not print what it was asked for. */
export class ProbeError extends Error {
  override readonly name = "ProbeError";
}

/** Who runs a program, and for how long. */
export interface ProbeOptions {
  /** Counts when we are root. */
  readonly user: { readonly uid: number; readonly gid: number };
  readonly timeoutMs?: number;
  /** In its otherwise empty environment. */
  readonly variables?: Readonly<Record<string, string>>;
}

const answers = new Map<string, Promise<string>>();

/**
 * What a program prints; asked once as long as the file is the same.
 *
 * @throws {ProbeError} when it cannot be run, fails, or does not end
 */
export async function printedBy(
  binary: string,
  args: readonly string[],
  options: ProbeOptions,
): Promise<string> {
  const { dev, ino, mtime, size } = await Deno.stat(binary);
  const { user: { uid }, variables } = options;
  const file = [binary, dev, ino, mtime, size];
  const key = JSON.stringify([file, uid, variables, args]);
  const known = answers.get(key);
  if (known !== undefined) return await known;
  const answer = run(binary, args, options);
  answers.set(key, answer);
  return await answer;
}

async function run(
  binary: string,
  args: readonly string[],
  { user, timeoutMs = TIMEOUT_MS, variables = {} }: ProbeOptions,
): Promise<string> {
  const what = `"${binary} ${args.join(" ")}"`;
  let child: Deno.ChildProcess;
  try {
    child = new Deno.Command(binary, {
      args: [...args],
      cwd: "/",
      clearEnv: true,
      env: { PATH, ...variables },
      stdin: "null",
      stdout: "piped",
      stderr: "null",
      ...Deno.uid() === 0 ? user : {},
    }).spawn();
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ProbeError(`Cannot run ${what}: ${reason}`, { cause: error });
  }
  let ended = false;
  const status = child.status.finally(() => ended = true);
  const reader = child.stdout.getReader();
  let late = false;
  const giveUp = setTimeout(() => {
    late = true;
    // What it started may live on and hold the pipe.
    reader.cancel();
    if (!ended) child.kill("SIGKILL");
  }, timeoutMs);
  try {
    const text = await readAll(reader);
    if (text === undefined && !ended) child.kill("SIGKILL");
    const { code, signal } = await status;
    if (text === undefined) throw new ProbeError(`${what} prints without end`);
    if (late) throw new ProbeError(`${what} did not end in ${timeoutMs} ms`);
    if (code !== 0) {
      throw new ProbeError(`${what} ended with ${signal ?? `code ${code}`}`);
    }
    return text;
  } finally {
    clearTimeout(giveUp);
    await reader.cancel();
  }
}

/** All that is read; undefined where it is too much. */
async function readAll(
  reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>,
): Promise<string | undefined> {
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += decoder.decode(value, { stream: true });
    if (text.length > MAX_OUTPUT) return undefined;
  }
}
