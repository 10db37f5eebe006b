/** Children with a deadline. */

const DEADLINE_MS = 60_000;

/**
 * Runs a program to its end.
 *
 * @returns what it wrote to standard output
 * @throws {Error} when it fails, with what it said
 */
export async function outputOf(argv: readonly string[]): Promise<string> {
  const [program = "", ...args] = argv;
  const output = await new Deno.Command(program, {
    args,
    stdin: "null",
    signal: AbortSignal.timeout(DEADLINE_MS),
  }).output();
  const decoder = new TextDecoder();
  if (!output.success) {
    const said = decoder.decode(output.stderr).trim();
    throw new Error(`Cannot measure "${argv.join(" ")}": ${said}`);
  }
  return decoder.decode(output.stdout);
}

/** Milliseconds from a program's start to its end. */
export async function timeOf(argv: readonly string[]): Promise<number> {
  const start = performance.now();
  await outputOf(argv);
  return performance.now() - start;
}

/** Says what the words after it took, the shell's own start not included. */
const TIMED = `TIMEFORMAT='%U %S'; { time "$@" >/dev/null 2>&1; } 2>&1`;

/**
 * Milliseconds of processor time that a program takes, with its children.
 *
 * @param around the words that start a shell where the program is to run
 */
export async function processorTimeOf(
  argv: readonly string[],
  around: readonly string[],
): Promise<number> {
  const shell = [...around, "bash", "-c", TIMED, "bash"];
  const [user, system] = (await outputOf([...shell, ...argv])).split(" ");
  return (Number(user) + Number(system)) * 1000;
}
