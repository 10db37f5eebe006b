/** Tries to boost the process that started it, and says whether it may. */

import { getScheduling } from "../../../../ffi/scheduling.ts";
import { OwnPriority } from "../../../../lib/update/process/own_priority.ts";
import { Urgency } from "../../../../lib/update/process/urgency.ts";

const before = getScheduling(Deno.pid);
using own = OwnPriority.raise();
await using _urgency = Urgency.of(Deno.ppid);
const after = getScheduling(Deno.pid);
console.log(
  own === undefined,
  JSON.stringify(before) === JSON.stringify(after),
);
