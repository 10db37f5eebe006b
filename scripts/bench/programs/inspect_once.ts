/**
 * Looks into a state file once: prints the milliseconds until its JSON is
 * written, and the most memory of this process in MiB.
 */

import { inspect, openInput, writeJson } from "../../../lib/inspect/mod.ts";

const [path = ""] = Deno.args;
const start = performance.now();
using input = await openInput(path);
const inspection = inspect(input);
if (inspection.format === "migration-stream") {
  if (inspection.problem !== undefined) throw inspection.problem;
  writeJson(inspection, inspection.sections, () => {});
}
const milliseconds = performance.now() - start;
const status = Deno.readTextFileSync("/proc/self/status");
const kilobytes = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]);
console.log(milliseconds, kilobytes / 1024);
