/** Programs of others that tests run where they are installed. */

import { assertEquals } from "@std/assert";
import { type Ended, runProgram, type Surroundings } from "./run.ts";

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
  argv: readonly [string, ...string[]],
  surroundings: Surroundings = {},
): Promise<Omit<Ended, "code">> {
  const { code, stdout, stderr } = await runProgram(argv, {
    stdin: "",
    timeoutMs: TIMEOUT_MS,
    ...surroundings,
  });
  assertEquals(code, 0, `${stdout}\n${stderr}`);
  return { stdout, stderr };
}
