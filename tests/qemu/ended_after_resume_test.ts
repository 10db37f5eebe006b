/** Programs that end as soon as they have let the guest run. */

import { assertEquals, assertMatch } from "@std/assert";
import { recover } from "../../lib/update/recover/recover.ts";
import { QmpClient } from "../../lib/qmp/mod.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import {
  Cprctl,
  orderOf,
  SELF,
  updateHere,
} from "../../testing/update/cprctl.ts";
import { kill, membersOf } from "../../testing/update/members.ts";
import { runDirectories } from "../../testing/update/fixture.ts";
import {
  PLAIN,
  SECOND_MONITOR,
  secondMonitor,
  VirtualMachine,
} from "../../testing/qemu/mod.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 30_000;
const MESSAGE =
  /^Process \d+ ended.*; the guest had .*; the update had failed before: Process/;

function boot(): Promise<VirtualMachine> {
  return VirtualMachine.boot(
    builds.old,
    { ...PLAIN, extra: SECOND_MONITOR },
    "tcg",
  );
}

/** Someone who sees the guest run, and does something about it. */
class Watcher implements AsyncDisposable {
  readonly done: Promise<void>;
  readonly #client: QmpClient;

  private constructor(
    client: QmpClient,
    act: (client: QmpClient) => Promise<unknown>,
  ) {
    this.#client = client;
    const watch = client.watch(["RESUME"]);
    this.done = watch.next("RESUME", { timeoutMs: TIMEOUT_MS })
      .then(() => act(client)).then(() => undefined);
    this.done.catch(() => {}); // heard by the test
  }

  static async of(
    { folder }: VirtualMachine,
    act: (client: QmpClient) => Promise<unknown>,
  ): Promise<Watcher> {
    const client = await QmpClient.connectAgain(secondMonitor(folder), {
      timeoutMs: TIMEOUT_MS,
    });
    return new Watcher(client, act);
  }

  /** The process that is watched. */
  get pid(): number {
    return this.#client.peer?.pid ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.close();
  }
}

/** Ends a VM whose guest runs, as a crash would. */
const killed = (vm: VirtualMachine) => async () => {
  using ram = vm.ram();
  await ram.counterMoves(TIMEOUT_MS);
  Deno.kill(vm.pid, "SIGKILL");
};

Deno.test("a program that ends after the resume has not updated the VM", async () => {
  await using _base = await Base.make();
  await using vm = await boot();
  await using stack = new AsyncDisposableStack();
  let done: Promise<void> | undefined;
  const { report, exitCode } = await updateHere(
    orderOf(vm, builds.new),
    async (phase) => {
      if (phase !== "commit") return;
      done = stack.use(await Watcher.of(vm, killed(vm))).done;
    },
  );
  await done;
  assertEquals(report?.error?.code, "ended-after-resume");
  assertEquals([report?.outcome, exitCode], ["needs-person", 5]);
  assertEquals([report?.changed, report?.pid_after], [false, null]);
  assertEquals(report?.warnings, []);
  assertEquals(membersOf(vm.folder), []);
  assertEquals(await runDirectories(vm.pid), []);
  assertEquals(await recover({ timeoutMs: TIMEOUT_MS, self: SELF }), []);
});

Deno.test("a VM that is told to quit after the resume was shut down", async () => {
  await using _base = await Base.make();
  await using vm = await boot();
  await using stack = new AsyncDisposableStack();
  let done: Promise<void> | undefined;
  const { report } = await updateHere(
    orderOf(vm, builds.new),
    async (phase) => {
      if (phase !== "commit") return;
      const quit = (client: QmpClient) => client.execute("quit");
      done = stack.use(await Watcher.of(vm, quit)).done;
    },
  );
  await done;
  assertEquals(report?.outcome, "shut-down", report?.error?.message);
  assertMatch(
    report?.warnings.join("\n") ?? "",
    /^The VM was shut down right after it was moved: a client .* to quit/,
  );
  assertEquals(await runDirectories(vm.pid), []);
});

Deno.test("a program that ends after the resume by recover is reported", async () => {
  await using _base = await Base.make();
  await using vm = await boot();
  {
    await using cprctl = Cprctl.start(orderOf(vm, builds.new));
    await cprctl.run((phase) => {
      if (phase === "commit") cprctl.kill("SIGKILL");
    });
  }
  await using watcher = await Watcher.of(vm, killed(vm));
  const request = { timeoutMs: TIMEOUT_MS, self: SELF };
  const [recovery] = await recover(request);
  await watcher.done;
  assertEquals(recovery?.outcome, "needs-person");
  assertMatch(
    recovery?.message ?? "",
    /^Process \d+ ended: killed by SIGKILL; the guest had/,
  );
  assertEquals(membersOf(vm.folder), []);
  assertEquals(await recover(request), []);
});

/** Ends the old program of a rollback as soon as its guest runs again. */
async function killReturned(vm: VirtualMachine): Promise<void> {
  await using watcher = await Watcher.of(vm, killed(vm));
  vm.follow(watcher.pid);
  await watcher.done;
}

Deno.test("an old program that ends after a rollback is reported", async () => {
  await using _base = await Base.make();
  await using vm = await boot();
  const { pid } = vm;
  let done: Promise<void> | undefined;
  const { report, exitCode } = await updateHere(
    orderOf(vm, builds.new),
    async (phase) => {
      if (phase === "load") await kill(vm.pid);
      if (phase === "rollback") {
        done = killReturned(vm);
        done.catch(() => {}); // heard below
      }
    },
  );
  await done;
  assertEquals(report?.error?.code, "ended-after-resume");
  assertEquals([report?.outcome, exitCode], ["needs-person", 5]);
  assertMatch(report?.error?.message ?? "", MESSAGE);
  assertEquals([report?.changed, report?.pid_after], [false, null]);
  assertEquals(membersOf(vm.folder), []);
  assertEquals(await runDirectories(pid), []);
  assertEquals(await recover({ timeoutMs: TIMEOUT_MS, self: SELF }), []);
});
