/** Updates a domain, and is killed at the beginning of a phase. */

import { updateDomain } from "../../../lib/update/domain.ts";

const [domain = "", last = "", ...self] = Deno.args;
await updateDomain({
  ...{ domain, self },
  observer: (phase) => {
    if (phase === last) Deno.kill(Deno.pid, "SIGKILL");
  },
});
