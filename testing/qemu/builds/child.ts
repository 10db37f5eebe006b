/** Child programs with a deadline. */

/** How to run a child. */
export interface ChildOptions {
  /** Milliseconds after which the child is killed. */
  readonly timeoutMs: number;
  /** The working directory; this process's own unless given. */
  readonly cwd?: string;
  /** Variables besides its own; LC_ALL is C. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Runs a program without input and returns what it printed.
 *
 * @throws {Error} if it cannot be started, fails, or outlives its time; the
 *   message carries the end of what it said on its error output
 */
export async function run(
  argv: readonly [string, ...string[]],
  { timeoutMs, env, ...place }: ChildOptions,
): Promise<string> {
  const [program, ...args] = argv;
  const deadline = AbortSignal.timeout(timeoutMs);
  const output = await new Deno.Command(program, {
    ...place,
    args,
    env: { LC_ALL: "C", NO_COLOR: "1", ...env },
    stdin: "null",
    signal: deadline,
  }).output().catch((cause) => {
    throw new Error(`Cannot run "${program}": ${cause.message}`, { cause });
  });
  const decoder = new TextDecoder();
  if (output.success) return decoder.decode(output.stdout);
  const said = decoder.decode(output.stderr).trim().slice(-2000);
  const why = deadline.aborted
    ? `it took more than ${timeoutMs} ms`
    : `it exited with ${output.code}`;
  throw new Error(
    `Cannot run "${argv.join(" ")}": ${why}${said && `\n${said}`}`,
  );
}
