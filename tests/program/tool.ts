/** Programs of others that tests run where they are installed. */

import { assertEquals } from "@std/assert";

const TIMEOUT_MS = 20_000;

/** Whether a program of this name is on PATH. */
export async function isInstalled(name: string): Promise<boolean> {
  const folders = (Deno.env.get("PATH") ?? "").split(":");
  for (const folder of folders) {
    try {
      if ((await Deno.stat(`${folder}/${name}`)).isFile) return true;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      if (error instanceof Deno.errors.NotADirectory) continue;
      throw error;
    }
  }
  return false;
}

/** What a program wrote that ended well. */
export async function output(
  [program, ...args]: readonly [string, ...string[]],
  { stdin = "", env = {} }: {
    readonly stdin?: string;
    readonly env?: Record<string, string>;
  } = {},
): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const child = new Deno.Command(program, {
    args,
    env,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).spawn();
  const fed = new Blob([stdin]).stream().pipeTo(child.stdin);
  const [said] = await Promise.all([child.output(), fed]);
  const decoder = new TextDecoder();
  const stdout = decoder.decode(said.stdout);
  const stderr = decoder.decode(said.stderr);
  assertEquals(said.code, 0, `${stdout}\n${stderr}`);
  return { stdout, stderr };
}
