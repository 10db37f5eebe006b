/** Boosts a process until it is killed. */

import { Urgency } from "../../../../lib/update/process/urgency.ts";

for (;;) {
  await using _urgency = Urgency.of(Number(Deno.args[0]));
  await new Promise((resolve) => setTimeout(resolve, 100));
}
