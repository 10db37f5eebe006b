/**
 * Asks a monitor until the connection ends, keeps all answers, and tells how
 * much memory that took.
 */

import { QmpClient, QmpError } from "../../../lib/qmp/mod.ts";

const [path = ""] = Deno.args;
const client = await QmpClient.connect({ path }, { timeoutMs: 20_000 });
const answers: unknown[] = [];
let end = "";
try {
  for (;;) answers.push(await client.execute("query-block"));
} catch (error) {
  if (!(error instanceof QmpError)) throw error;
  end = error.message;
}
const [, peakKiB] = /^VmHWM:\s*(\d+) kB$/m.exec(
  await Deno.readTextFile("/proc/self/status"),
) ?? [];
console.log(
  JSON.stringify({
    kept: answers.length,
    end,
    peakMiB: Number(peakKiB) / 1024,
  }),
);
