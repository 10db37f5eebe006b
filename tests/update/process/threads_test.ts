import { assertEquals } from "@std/assert";
import type { Child } from "../../../ffi/child.ts";
import {
  getScheduling,
  setAffinity,
  setScheduling,
} from "../../../ffi/scheduling.ts";
import { spawn } from "../../../ffi/spawn.ts";
import {
  type Executor,
  type Json,
  QmpCommandError,
} from "../../../lib/qmp/mod.ts";
import { readPlacement } from "../../../lib/proc/placement.ts";
import {
  readThreads,
  restoreThreads,
} from "../../../lib/update/process/threads.ts";
import { until } from "../../../testing/program/until.ts";

const PATIENCE_MS = 20_000;

/** A monitor that says which threads there are. */
function monitor(
  cpus: readonly number[],
  iothreads: Readonly<Record<string, number>> = {},
): Executor {
  const replies = new Map<string, Json>([
    [
      "query-cpus-fast",
      cpus.map((tid, index) => ({
        "cpu-index": index,
        "qom-path": `/cpu${index}`,
        "thread-id": tid,
      })),
    ],
    [
      "query-iothreads",
      Object.entries(iothreads).map(([id, tid]) => ({ id, "thread-id": tid })),
    ],
  ]);
  return {
    execute: (command) => Promise.resolve(replies.get(command) ?? null),
  };
}

function sleeper(): Child {
  return spawn(["sleep", "1000"], { descriptors: new Map() });
}

/** Gives a process a place that no other has by itself. */
function pin(pid: number): void {
  const [first = 0] = readPlacement(pid).affinity;
  setAffinity(pid, [first]);
  setScheduling(pid, { ...getScheduling(pid), nice: 7 });
}

Deno.test("a thread of the same name gets the same placement", async () => {
  using before = sleeper();
  using after = sleeper();
  pin(before.pid);
  const records = await readThreads(monitor([before.pid]), before.pid);
  assertEquals(records.map(({ name }) => name), ["main thread", "vCPU 0"]);
  assertEquals(
    await restoreThreads(monitor([after.pid]), after.pid, records),
    [],
  );
  assertEquals(readPlacement(after.pid), readPlacement(before.pid));
});

Deno.test("a monitor cannot name another process's threads", async () => {
  using vm = sleeper();
  using victim = sleeper();
  const records = await readThreads(monitor([victim.pid]), vm.pid);
  assertEquals(records.map(({ name }) => name), ["main thread"]);

  pin(vm.pid);
  const honest = await readThreads(monitor([vm.pid], { io: vm.pid }), vm.pid);
  const before = readPlacement(victim.pid);
  assertEquals(
    await restoreThreads(monitor([victim.pid]), vm.pid, honest),
    [
      "The VM no longer has its vCPU 0",
      'The VM no longer has its iothread "io"',
    ],
  );
  assertEquals(readPlacement(victim.pid), before);
});

Deno.test("a placement that cannot be restored is a warning", async () => {
  using vm = sleeper();
  const records = await readThreads(monitor([]), vm.pid);
  const wrong = records.map((it) => ({
    ...it,
    placement: { ...it.placement, affinity: [100_000] },
    cgroups: { "no-such-controller": "/a" },
  }));
  assertEquals(await restoreThreads(monitor([]), vm.pid, wrong), [
    'The main thread lost its cgroup "/a": not mounted',
    "The main thread lost its CPUs: Invalid argument",
  ]);
});

Deno.test("a monitor that cannot list threads is no error", async () => {
  using vm = sleeper();
  const records = await readThreads(monitor([]), vm.pid);
  const silent: Executor = {
    execute: (command) =>
      Promise.reject(new QmpCommandError(command, "GenericError", "no")),
  };
  assertEquals(await restoreThreads(silent, vm.pid, records), [
    'The settings of threads could not be restored: Command "query-cpus-fast" failed: no',
  ]);
  assertEquals(await restoreThreads(monitor([-1]), vm.pid, records), [
    "The settings of threads could not be restored: Cannot understand the answer to " +
    '"query-cpus-fast": member "0.thread-id": Invalid value: Expected >=1 ' +
    "but received -1",
  ]);
});

Deno.test("threads of a process in a pid namespace of its own are found", {
  ignore: Deno.uid() !== 0,
}, async () => {
  const words = ["--pid", "--fork", "--kill-child", "sleep", "1000"];
  using outer = spawn(["unshare", ...words], { descriptors: new Map() });
  const children = `/proc/${outer.pid}/task/${outer.pid}/children`;
  let inner = 0;
  await until("the namespace has a process", PATIENCE_MS, () => {
    inner = Number(Deno.readTextFileSync(children).trim());
    return inner !== 0;
  });
  pin(inner);
  const [, cpu] = await readThreads(monitor([1]), inner);
  assertEquals(cpu?.name, "vCPU 0");
  assertEquals(cpu?.placement, readPlacement(inner));
  assertEquals(
    (await readThreads(monitor([inner]), inner)).length,
    1,
    "an id of this namespace is none of that one",
  );
});

Deno.test("a placement is restored on one thread only", async () => {
  using vm = sleeper();
  const records = await readThreads(monitor([vm.pid, vm.pid]), vm.pid);
  assertEquals(records.map(({ tid }) => tid), [vm.pid, vm.pid, vm.pid]);
  using shared = sleeper();
  assertEquals(
    await restoreThreads(
      monitor([shared.pid, shared.pid]),
      shared.pid,
      records,
    ),
    [],
  );
  const other = [...Deno.readDirSync("/proc/self/task")]
    .map(({ name }) => Number(name)).find((tid) => tid !== Deno.pid);
  assertEquals(
    await restoreThreads(
      monitor([Deno.pid, other ?? 0]),
      Deno.pid,
      records,
    ),
    ["The vCPU 1 shared a thread, and now has its own: its settings are not restored"],
  );
});
