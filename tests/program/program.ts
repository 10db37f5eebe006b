/** The program under test: what CPRCTL names, or the source of this checkout. */

const SOURCE = ["run", "--quiet", "--allow-all"];

/** The words that start cprctl. */
export function cprctlWords(): [string, ...string[]] {
  const path = Deno.env.get("CPRCTL");
  if (path !== undefined && path !== "") return [path];
  const main = new URL("../../main.ts", import.meta.url).pathname;
  return [Deno.execPath(), ...SOURCE, main];
}

/** How a run of cprctl ended, and what it said. */
export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs cprctl to its end, for at most `timeoutMs`. */
export async function runCprctl(
  args: readonly string[],
  timeoutMs = 60_000,
): Promise<Ended> {
  const [program, ...words] = cprctlWords();
  const { code, stdout, stderr } = await new Deno.Command(program, {
    args: [...words, ...args],
    stdin: "null",
    signal: AbortSignal.timeout(timeoutMs),
  }).output();
  const text = new TextDecoder();
  return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
}
