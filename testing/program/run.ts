/** Programs, run to their end. */

const TIMEOUT_MS = 120_000;

/** How a program ended, and what it said. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a program gets besides its words. */
export interface Surroundings {
  readonly env?: Record<string, string>;
  readonly clearEnv?: boolean;
  readonly cwd?: string;
  readonly stdin?: string;
  readonly timeoutMs?: number;
}

/** Runs a program to its end; it may write while it is still given its input. */
export async function runProgram(
  [program, ...args]: readonly [string, ...string[]],
  { stdin, timeoutMs = TIMEOUT_MS, ...surroundings }: Surroundings = {},
): Promise<Ended> {
  const child = new Deno.Command(program, {
    ...surroundings,
    args,
    stdin: stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(timeoutMs),
  }).spawn();
  const [{ code, stdout, stderr }] = await Promise.all([
    child.output(),
    stdin === undefined ? undefined : feed(child, stdin),
  ]);
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}

async function feed(child: Deno.ChildProcess, stdin: string): Promise<void> {
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(stdin));
  await writer.close();
}
