import { until } from "./until.ts";

/** The flag of a unix socket that listens, in /proc/net/unix. */
const ACCEPTS = "00010000";

/** Waits until a process listens at the path of a unix socket. */
export async function listening(
  path: string,
  timeoutMs: number,
): Promise<void> {
  await until(
    `a process listens at ${path}`,
    timeoutMs,
    () =>
      Deno.readTextFileSync("/proc/net/unix").split("\n").some((line) => {
        const words = line.trim().split(/\s+/);
        return words[3] === ACCEPTS && words[7] === path;
      }),
  );
}
