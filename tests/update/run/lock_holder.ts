/** Takes a lock, says so, and keeps it until it is killed. */

import { VmLock } from "../../../lib/update/run/lock.ts";

const lock = await VmLock.take(4711);
console.log(lock.path);
await new Promise((resolve) => setTimeout(resolve, 60_000));
