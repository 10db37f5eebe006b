import { assertEquals } from "@std/assert";
import type { Child } from "../../../ffi/child.ts";
import { getScheduling } from "../../../ffi/scheduling.ts";
import { spawn } from "../../../ffi/spawn.ts";
import { Urgency } from "../../../lib/update/process/urgency.ts";
import { until } from "../../../testing/program/until.ts";
import { BOOSTED, mayRaise, priorityNow } from "./priorities.ts";

const SCHED_OTHER = 0;
const SCHED_RR = 2;
const PATIENCE_MS = 20_000;
const ignore = !mayRaise();

function start(...argv: string[]): Child {
  return spawn(argv, { descriptors: new Map() });
}

async function untilPriority(pid: number, priority: number): Promise<void> {
  await until(
    `process ${pid} has priority ${priority}`,
    PATIENCE_MS,
    () => priorityNow(pid) === priority,
  );
}

Deno.test("a process is boosted, and its priority is restored", {
  ignore,
}, async () => {
  using child = start("sleep", "1000");
  const usual = priorityNow(child.pid);
  const before = getScheduling(child.pid);
  await using urgency = Urgency.of(child.pid);
  await untilPriority(child.pid, BOOSTED);
  assertEquals(getScheduling(child.pid), before);
  urgency.end();
  // At once: the threads that boost it are gone.
  assertEquals(priorityNow(child.pid), usual);
});

Deno.test("a boost ends before the rest", { ignore }, async () => {
  using child = start("sleep", "1000");
  const usual = priorityNow(child.pid);
  await using urgency = Urgency.of(child.pid);
  await untilPriority(child.pid, BOOSTED);
  urgency.endBoost();
  assertEquals(priorityNow(child.pid), usual);
  assertEquals(getScheduling(0).policy, SCHED_RR); // the calling thread's
  urgency.end();
  assertEquals(getScheduling(0).policy, SCHED_OTHER);
});

Deno.test("one VM's boost ends while another's continues", {
  ignore,
}, async () => {
  using first = start("sleep", "1000");
  using second = start("sleep", "1000");
  const usual = priorityNow(first.pid);
  await using one = Urgency.of(first.pid);
  await using _two = Urgency.of(second.pid);
  await untilPriority(first.pid, BOOSTED);
  one.endBoost();
  await untilPriority(first.pid, usual);
  await untilPriority(second.pid, BOOSTED);
});

Deno.test("a thread that runs the guest is not boosted", {
  ignore,
}, async () => {
  using vcpu = start("sleep", "1000");
  using other = start("sleep", "1000");
  const usual = priorityNow(vcpu.pid);
  await using _one = Urgency.of(vcpu.pid, [vcpu.pid]);
  await using _two = Urgency.of(other.pid);
  await untilPriority(other.pid, BOOSTED);
  assertEquals(priorityNow(vcpu.pid), usual);
});

Deno.test("a program is boosted after its exec as well", {
  ignore,
}, async () => {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-test-" });
  try {
    const fifo = `${folder}/fifo`;
    assertEquals(
      new Deno.Command("mkfifo", { args: [fifo] }).outputSync().code,
      0,
    );
    const more = 'exec sh -c "exec sh -c \\"exec sleep 1000\\""';
    const script = `read -r line <"$0"; ${more}`;
    using child = start("sh", "-c", script, fifo);
    await using _urgency = Urgency.of(child.pid);
    await untilPriority(child.pid, BOOSTED);
    await Deno.writeTextFile(fifo, "\n");
    const comm = `/proc/${child.pid}/comm`;
    await until(
      "the program is executed",
      PATIENCE_MS,
      () => Deno.readTextFileSync(comm) === "sleep\n",
    );
    await untilPriority(child.pid, BOOSTED);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("children do not inherit a boost", { ignore }, async () => {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-test-" });
  try {
    const fifo = `${folder}/fifo`;
    assertEquals(
      new Deno.Command("mkfifo", { args: [fifo] }).outputSync().code,
      0,
    );
    const script = 'read -r line <"$0"; sleep 1000 & echo $! >"$0.pid"; wait';
    using parent = start("sh", "-c", script, fifo);
    const usual = priorityNow(parent.pid);
    await using _urgency = Urgency.of(parent.pid);
    await untilPriority(parent.pid, BOOSTED);
    await Deno.writeTextFile(fifo, "\n");
    let pid = 0;
    await until("it has a child", PATIENCE_MS, async () => {
      pid = Number(await Deno.readTextFile(`${fifo}.pid`).catch(() => "0"));
      return pid > 0;
    });
    assertEquals(priorityNow(pid), usual);
    Deno.kill(pid, "SIGKILL");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

for (const signal of ["SIGKILL", "SIGSTOP"] as const) {
  Deno.test(`a boost is gone when the booster gets ${signal}`, {
    ignore,
  }, async () => {
    using child = start("sleep", "1000");
    const usual = priorityNow(child.pid);
    const program = new URL("programs/boost.ts", import.meta.url).pathname;
    using booster = start(
      ...[Deno.execPath(), "run", "--quiet", "--allow-all", program],
      String(child.pid),
    );
    await untilPriority(child.pid, BOOSTED);
    booster.kill(signal);
    await untilPriority(child.pid, usual);
  });
}

Deno.test("without the right to it there is no boost", {
  ignore: ignore || Deno.uid() !== 0,
}, async () => {
  const path = "programs/boost_once.ts";
  const program = new URL(path, import.meta.url).pathname;
  const { stdout } = await new Deno.Command("setpriv", {
    args: [
      ...["--bounding-set=-sys_nice", "--inh-caps=-sys_nice"],
      ...[Deno.execPath(), "run", "--quiet", "--allow-all", program],
    ],
    env: { NO_COLOR: "1" },
  }).output();
  assertEquals(new TextDecoder().decode(stdout), "true true\n");
});

Deno.test("a process that has ended is not boosted", async () => {
  using child = start("true");
  await child.wait(PATIENCE_MS);
  await using urgency = Urgency.of(child.pid);
  urgency.end();
  urgency.end(); // again is harmless
});
