/**
 * Picks the program that the first word names. Everything is imported when it
 * is needed: exec runs inside a guest's pause and must not wait for what other
 * commands load.
 *
 * @module
 */

/**
 * Runs the command that the words name.
 *
 * @returns the exit code; every error has been printed
 */
export async function dispatch(words: readonly string[]): Promise<number> {
  try {
    const { hostProcess } = await import("./process.ts");
    const { run } = await import("./run.ts");
    return await run(words, hostProcess());
  } catch (error) {
    const { errorText, exitCodeOf } = await import("./error_text.ts");
    console.error(errorText(error, Deno.env.has("CPRCTL_DEBUG")));
    return exitCodeOf(error);
  }
}
