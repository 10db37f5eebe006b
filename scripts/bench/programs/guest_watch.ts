/// <reference lib="deno.worker" />
/** The thread of GuestWatch: nothing else runs on it. */

import { Fd } from "../../../ffi/fd.ts";
import { OsError } from "../../../ffi/libc.ts";
import { Mapping } from "../../../ffi/mapping.ts";
import { O_RDWR } from "../../../ffi/open_flags.ts";
import { getScheduling, setScheduling } from "../../../ffi/scheduling.ts";
import type { WatchOrder } from "../guest_watch.ts";

/** Looking more often would take from the VM some of what is measured. */
const INTERVAL_MS = 0.5;
const PAGE_BYTES = 4096;

self.onmessage = ({ data }: MessageEvent<WatchOrder>) => {
  watch(data);
  self.close();
};

/** This thread. */
const HERE = 0;
const SCHED_FIFO = 1;
const PRIORITY = 10;

/** Where the cores are taken, a look that is late is a longer downtime. */
function lookInTime(): void {
  const scheduling = { policy: SCHED_FIFO, priority: PRIORITY };
  try {
    setScheduling(HERE, { ...getScheduling(HERE), ...scheduling });
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
  }
}

function watch(order: WatchOrder): void {
  lookInTime();
  const page = order.counter - order.counter % PAGE_BYTES;
  using ram = Fd.open(order.path, O_RDWR);
  using mapping = Mapping.map(ram, {
    offset: page,
    length: PAGE_BYTES,
    shared: true,
    writable: false,
  });
  const counter = new Int32Array(mapping.buffer, order.counter - page, 1);
  const rounds = new Int32Array(order.rounds);
  const downtime = new Float64Array(order.downtime);
  const never = new Int32Array(new SharedArrayBuffer(4));
  let longest = 0;
  let value = counter[0];
  let seen = performance.now();
  for (let answered = 0; Atomics.load(rounds, 2) === 0;) {
    Atomics.wait(never, 0, 0, INTERVAL_MS);
    const now = performance.now();
    if (counter[0] !== value) {
      value = counter[0];
      longest = Math.max(longest, now - seen);
      seen = now;
    }
    const asked = Atomics.load(rounds, 0);
    if (asked === answered) continue;
    downtime[0] = longest;
    longest = 0;
    answered = asked;
    Atomics.store(rounds, 1, asked);
    Atomics.notify(rounds, 1);
  }
}
