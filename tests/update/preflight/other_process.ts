import type { Check } from "../../../lib/update/report/report.ts";
import { findings } from "./fake_monitor.ts";

const NOTHING = ["/bin/sh", "-c", "echo; read _"];

/** The findings about a VM whose process these words start. */
export async function findingsAfter(
  wrapper: readonly string[],
  command: readonly string[] = NOTHING,
): Promise<Map<string, Check>> {
  const [first = "", ...args] = [...wrapper, ...command];
  const process = new Deno.Command(first, {
    args,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = process.stdout.getReader();
  try {
    await reader.read(); // the wrapper is done
    return await findings({}, [], { pid: process.pid });
  } finally {
    await process.stdin.close();
    await reader.cancel();
    await process.status;
  }
}
