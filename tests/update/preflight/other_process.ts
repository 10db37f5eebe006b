import type { Check } from "../../../lib/update/preflight/check.ts";
import { whileItRuns } from "../while_it_runs.ts";
import { findings } from "./fake_monitor.ts";

/** The findings about a VM whose process these words start. */
export function findingsAfter(
  wrapper: readonly string[],
  command?: readonly string[],
): Promise<Map<string, Check>> {
  return whileItRuns(wrapper, (pid) => findings({}, [], { pid }), command);
}
