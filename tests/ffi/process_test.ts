import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { getAffinity, setAffinity } from "../../ffi/scheduling.ts";
import { OsError } from "../../ffi/libc.ts";
import {
  getLimit,
  resources,
  RLIM_INFINITY,
  setLimit,
} from "../../ffi/limits.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import { geteuid, PidFd } from "../../ffi/process.ts";
import type { Child } from "../../ffi/child.ts";
import { spawn } from "../../ffi/spawn.ts";
import { signalName } from "../../ffi/signals.ts";
import { withoutLeaks } from "./leaks.ts";
import { soon } from "./processes.ts";

const DEADLINE_MS = 30_000;

function codeOf(call: () => unknown): string {
  return assertThrows(call, OsError).code;
}

/** A child that lives until it is killed. */
function sleeper(descriptors = new Map<number, number>()): Child {
  return spawn(["sleep", "1000"], { descriptors });
}

Deno.test("this process knows itself", () => {
  assertEquals(geteuid(), Deno.uid());
});

Deno.test("a memfd of a killed child stays alive through pidfd_getfd", () =>
  withoutLeaks(async () => {
    const original = createMemfd("guest-ram", { size: 4096 });
    original.pwrite(new TextEncoder().encode("marker"), 1000);
    const { ino } = original.stat();
    using child = sleeper(new Map([[7, original.number]]));
    original.close();
    using process = PidFd.open(child.pid);
    using held = process.getFd(7);
    assert(held.cloexec);
    process.sendSignal("SIGKILL");
    assertEquals(await child.wait(DEADLINE_MS), {
      code: null,
      signal: "SIGKILL",
    });
    const bytes = new Uint8Array(6);
    held.pread(bytes, 1000);
    assertEquals(new TextDecoder().decode(bytes), "marker");
    assertEquals([held.stat().ino, held.stat().size], [ino, 4096]);
    assertEquals(codeOf(() => process.getFd(7)), "ESRCH");
  }));

Deno.test("a descriptor that the process does not have is an error", () =>
  withoutLeaks(() => {
    using child = sleeper();
    using process = PidFd.open(child.pid);
    const error = assertThrows(() => process.getFd(77), OsError);
    assertEquals(
      error.message,
      `Cannot pidfd_getfd "descriptor 77 of process ${child.pid}": ` +
        "Bad file descriptor (EBADF)",
    );
  }));

Deno.test("the end of a process is waited for", () =>
  withoutLeaks(async () => {
    using child = sleeper();
    using process = PidFd.open(child.pid);
    assert(!process.hasExited());
    assert(!await process.exited(10));
    const wait = process.exited(DEADLINE_MS);
    process.sendSignal("SIGTERM");
    assert(await wait);
    assert(process.hasExited(), "a zombie has exited");
    assert(await process.exited(DEADLINE_MS));
    assertEquals((await child.wait(0)).signal, "SIGTERM");
    assertEquals(codeOf(() => process.sendSignal("SIGTERM")), "ESRCH");
    assertEquals(codeOf(() => PidFd.open(child.pid)), "ESRCH");
  }));

Deno.test("a stopped process has not exited and goes on", () =>
  withoutLeaks(async () => {
    using child = sleeper();
    using process = PidFd.open(child.pid);
    process.sendSignal("SIGSTOP");
    process.sendSignal("SIGCONT");
    assert(!await process.exited(10));
    assertEquals(child.status, undefined);
  }));

Deno.test("disposing ends a wait for the end of a process", () =>
  withoutLeaks(async () => {
    using child = sleeper();
    const process = PidFd.open(child.pid);
    const wait = soon(process.exited(DEADLINE_MS));
    process[Symbol.dispose]();
    assertEquals((await assertRejects(() => wait, OsError)).code, "ECANCELED");
  }));

Deno.test("an invalid pid cannot be opened", () => {
  assertEquals(codeOf(() => PidFd.open(0)), "EINVAL");
  assertEquals(codeOf(() => PidFd.open(-1)), "EINVAL");
  assertEquals(codeOf(() => PidFd.open(2 ** 22 + 1)), "ESRCH");
});

Deno.test("limits of another process are read and set", () =>
  withoutLeaks(() => {
    using child = sleeper();
    const hard = getLimit("NOFILE", child.pid).hard;
    setLimit("NOFILE", { soft: 99n, hard }, child.pid);
    assertEquals(getLimit("NOFILE", child.pid), { soft: 99n, hard });
    setLimit("CORE", { soft: 0n, hard: 0n }, child.pid);
    const text = Deno.readTextFileSync(`/proc/${child.pid}/limits`);
    assert(/^Max open files +99 /m.test(text), text);
    assert(/^Max core file size +0 +0 /m.test(text), text);
    assertEquals(
      codeOf(() => setLimit("NOFILE", { soft: 2n, hard: 1n }, child.pid)),
      "EINVAL",
    );
    assertEquals(codeOf(() => getLimit("CPU", 2 ** 22 + 1)), "ESRCH");
  }));

Deno.test("every limit agrees with /proc", () => {
  const text = Deno.readTextFileSync("/proc/self/limits");
  const shown = [...text.matchAll(/ (unlimited|\d+) +(unlimited|\d+)/g)]
    .map(([, soft, hard]) => [soft, hard]);
  const show = (value: bigint) =>
    value === RLIM_INFINITY ? "unlimited" : `${value}`;
  const got = resources.map((resource) => {
    const { soft, hard } = getLimit(resource);
    return [show(soft), show(hard)];
  });
  // /proc lists them by the same numbers.
  assertEquals(got, shown);
});

Deno.test("the CPUs of a thread are read and set", () =>
  withoutLeaks(() => {
    using child = sleeper();
    const all = getAffinity(child.pid);
    const listed = () =>
      /^Cpus_allowed_list:\s+(.*)$/m.exec(
        Deno.readTextFileSync(`/proc/${child.pid}/status`),
      )?.[1];
    const last = all.at(-1) ?? 0;
    setAffinity(child.pid, [last]);
    assertEquals(getAffinity(child.pid), [last]);
    assertEquals(listed(), `${last}`);
    setAffinity(child.pid, all);
    assertEquals(getAffinity(child.pid), all);
    assertEquals(codeOf(() => setAffinity(child.pid, [])), "EINVAL");
    assertEquals(codeOf(() => setAffinity(child.pid, [100_000])), "EINVAL");
    assertEquals(codeOf(() => getAffinity(2 ** 22 + 1)), "ESRCH");
  }));

Deno.test("the CPUs of a thread that is not the first are its own", () => {
  const threads = [...Deno.readDirSync("/proc/self/task")]
    .map(({ name }) => Number(name)).filter((tid) => tid !== Deno.pid);
  const [tid = 0] = threads;
  assert(tid > 0);
  const before = getAffinity(tid);
  const own = getAffinity(0);
  try {
    setAffinity(tid, before.slice(0, 1));
    assertEquals(getAffinity(tid), before.slice(0, 1));
    assertEquals(getAffinity(0), own);
  } finally {
    setAffinity(tid, before);
  }
});

Deno.test("signals have names", () => {
  assertEquals(signalName(9), "SIGKILL");
  assertEquals(signalName(34), "SIG34");
});
