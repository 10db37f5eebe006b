const NOTHING = ["/bin/sh", "-c", "echo; read _"];

/**
 * Looks at a process for as long as it runs.
 *
 * @param wrapper words that execute the command after what they do
 * @param command says a line when it has begun, and ends with its input
 */
export async function whileItRuns<T>(
  wrapper: readonly string[],
  look: (pid: number) => Promise<T>,
  command: readonly string[] = NOTHING,
): Promise<T> {
  const [first = "", ...args] = [...wrapper, ...command];
  const process = new Deno.Command(first, {
    args,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = process.stdout.getReader();
  try {
    await reader.read(); // the wrapper is done
    return await look(process.pid);
  } finally {
    await process.stdin.close();
    await reader.cancel();
    await process.status;
  }
}
