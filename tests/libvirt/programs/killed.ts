/** Updates a domain, and is killed at the beginning of a phase. */

import { updateDomain } from "../../../lib/update/domain.ts";

const [domain = "", last = "", binary, ...self] = Deno.args;
await updateDomain({
  ...{ domain, binary, self },
  observer: (phase) => {
    if (phase === last) Deno.kill(Deno.pid, "SIGKILL");
  },
});
