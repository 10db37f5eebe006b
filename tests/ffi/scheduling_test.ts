import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Child } from "../../ffi/child.ts";
import { OsError } from "../../ffi/libc.ts";
import {
  getScheduling,
  type Scheduling,
  setScheduling,
} from "../../ffi/scheduling.ts";
import { spawn } from "../../ffi/spawn.ts";
import { withoutLeaks } from "./leaks.ts";

const SCHED_BATCH = 3;
const SCHED_DEADLINE = 6;
const NO_PROCESS = 2 ** 22 + 1;

/** A child that lives until it is killed. */
function sleeper(): Child {
  return spawn(["sleep", "1000"], { descriptors: new Map() });
}

/** Niceness, real-time priority and policy as /proc shows them. */
function shown(pid: number): number[] {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return [fields[16], fields[37], fields[38]].map(Number);
}

Deno.test("the scheduling of a thread is read as /proc shows it", () =>
  withoutLeaks(() => {
    using child = sleeper();
    const { nice, priority, policy, resetOnFork } = getScheduling(child.pid);
    assertEquals([nice, priority, policy], shown(child.pid));
    assertEquals(resetOnFork, false);
  }));

Deno.test("the scheduling of a thread is set", () =>
  withoutLeaks(() => {
    using child = sleeper();
    const nice = Math.min(19, getScheduling(child.pid).nice + 3);
    const wanted: Scheduling = {
      policy: SCHED_BATCH,
      priority: 0,
      nice,
      resetOnFork: true,
    };
    setScheduling(child.pid, wanted);
    assertEquals(shown(child.pid), [nice, 0, SCHED_BATCH]);
    assertEquals(getScheduling(child.pid), wanted);
  }));

Deno.test("a negative niceness is no error", {
  ignore: Deno.uid() !== 0,
}, () =>
  withoutLeaks(() => {
    using child = sleeper();
    const before = getScheduling(child.pid);
    for (const nice of [-1, -20]) {
      setScheduling(child.pid, { ...before, nice });
      assertEquals(getScheduling(child.pid).nice, nice);
    }
  }));

Deno.test("a setting that is not allowed is an error", () =>
  withoutLeaks(() => {
    using child = sleeper();
    const usual = getScheduling(child.pid);
    const codeOf = (call: () => unknown) => assertThrows(call, OsError).code;
    assertEquals(codeOf(() => getScheduling(NO_PROCESS)), "ESRCH");
    assertEquals(codeOf(() => setScheduling(NO_PROCESS, usual)), "ESRCH");
    const deadline = { ...usual, policy: SCHED_DEADLINE };
    assert(
      ["EINVAL", "EPERM"].includes(
        codeOf(() => setScheduling(child.pid, deadline)),
      ),
    );
  }));
