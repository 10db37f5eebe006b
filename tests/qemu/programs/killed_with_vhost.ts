/** Updates a VM that has vhost, and is killed at the beginning of a phase. */

import { linux } from "../../../lib/update/linux.ts";
import { VhostNet } from "../../../lib/update/process/vhost_net.ts";
import { update } from "../../../lib/update/update.ts";
import { SELF } from "../../../testing/update/cprctl.ts";

const [path = "", device, binary, last] = Deno.args;
await update({
  ...{ address: { path }, binary, self: SELF },
  observer(phase) {
    if (phase === last) Deno.kill(Deno.pid, "SIGKILL");
  },
}, linux(new VhostNet(device)));
