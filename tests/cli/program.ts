/** The program under test, as a process of its own. */

/** How a program ended. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Longer than any short command takes on a busy machine. */
const DEADLINE_MS = 30_000;

/** The words that start cprctl: the built one that CPRCTL names, or main.ts. */
export function cprctl(): [string, ...string[]] {
  const built = Deno.env.get("CPRCTL");
  if (built !== undefined && built !== "") return [built];
  const main = new URL("../../main.ts", import.meta.url).pathname;
  return [Deno.execPath(), "run", "--quiet", "--allow-all", main];
}

/** Runs cprctl to its end. */
export async function runCprctl(
  words: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const [program, ...first] = cprctl();
  const output = await new Deno.Command(program, {
    args: [...first, ...words],
    env: environment,
    stdin: "null",
    signal: AbortSignal.timeout(DEADLINE_MS),
  }).output();
  return {
    code: output.code,
    stdout: new TextDecoder().decode(output.stdout),
    stderr: new TextDecoder().decode(output.stderr),
  };
}
