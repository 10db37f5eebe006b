import { assert, assertEquals } from "@std/assert";
import {
  getScheduling,
  type Scheduling,
  setScheduling,
} from "../../../ffi/scheduling.ts";
import { spawn } from "../../../ffi/spawn.ts";
import {
  OwnPriority,
  raiseNew,
} from "../../../lib/update/process/own_priority.ts";
import { mayRaise } from "./priorities.ts";

const SCHED_RR = 2;
const SCHED_BATCH = 3;
const ignore = !mayRaise();

function ownScheduling(): Map<number, Scheduling> {
  const threads = [...Deno.readDirSync("/proc/self/task")];
  return new Map(
    threads.map(({ name }) => [Number(name), getScheduling(Number(name))]),
  );
}

/** Changes how the main thread is scheduled, for a while. */
function scheduled(change: Partial<Scheduling>): Disposable {
  const before = getScheduling(Deno.pid);
  setScheduling(Deno.pid, { ...before, ...change });
  return { [Symbol.dispose]: () => setScheduling(Deno.pid, before) };
}

for (
  const change of [
    {},
    { nice: 5 },
    { policy: SCHED_BATCH, nice: 3 },
    { policy: SCHED_RR, priority: 7 },
    { resetOnFork: true },
  ]
) {
  const name = JSON.stringify(change);
  Deno.test(
    `threads have afterwards what they had: ${name}`,
    { ignore },
    () => {
      using _ = scheduled(change);
      const before = ownScheduling();
      {
        using first = OwnPriority.raise();
        using second = OwnPriority.raise();
        assert(first !== undefined && second !== undefined);
        first[Symbol.dispose]();
        first[Symbol.dispose](); // again is harmless
        for (const { policy } of ownScheduling().values()) {
          assertEquals(policy, SCHED_RR);
        }
      }
      assertEquals(ownScheduling(), before);
    },
  );
}

Deno.test(
  "a child that is started during a boost is not boosted",
  { ignore },
  () => {
    const before = getScheduling(Deno.pid);
    using _own = OwnPriority.raise();
    raiseNew();
    using child = spawn(["sleep", "1000"], { descriptors: new Map() });
    assertEquals(getScheduling(child.pid), before);
  },
);

Deno.test("the thread that runs JavaScript preempts boosted threads", {
  ignore,
}, () => {
  using _ = OwnPriority.raise();
  const others = [...ownScheduling().values()].map(({ priority }) => priority);
  assertEquals(getScheduling(0).priority, 2); // 0 is the calling thread
  assertEquals(others.filter((priority) => priority > 1), [2]);
});
