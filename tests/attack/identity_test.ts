/**
 * A process of an unprivileged user that pretends to be a VM and becomes another
 * program while root's cprctl looks at it.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { validateReport } from "../../testing/update/report.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { runCprctl } from "../../testing/program/program.ts";
import { PLAIN, VirtualMachine } from "../../testing/qemu/mod.ts";
import { type Disguise, HostileVm, USER } from "./hostile_vm.ts";

const builds = await qemuBuilds();
const ignore = Deno.uid() !== 0;
if (ignore) console.warn("Not root: the attacks wait");

const stack = new AsyncDisposableStack();
let real: VirtualMachine;

Deno.test.beforeAll(async () => {
  if (ignore) return;
  real = stack.use(await VirtualMachine.boot(builds.old, PLAIN, "tcg"));
});

Deno.test.afterAll(() => stack.disposeAsync());

const SLEEP = "/bin/sleep";
const MODES = { "set-user-ID": 0o4755, "set-group-ID": 0o2755 };

/** What a hostile process can become. */
const DISGUISES: Readonly<
  Record<string, (vm: HostileVm) => Promise<Disguise>>
> = {
  ...Object.fromEntries(
    Object.entries(MODES).map(([name, mode]) => [
      `a ${name} program`,
      async (vm: HostileVm): Promise<Disguise> => ({
        file: await vm.copyOf(SLEEP, "disguise", mode),
        argv: [...real.argv.slice(0, 1), "600"],
        environment: { LD_PRELOAD: `${vm.folder}/evil.so` },
      }),
    ]),
  ),
  "a program of its own": (vm) =>
    Promise.resolve({
      file: SLEEP,
      argv: ["qemu-system-x86_64", "600"],
      environment: { LD_PRELOAD: `${vm.folder}/evil.so` },
    }),
};

/** Before the first question, and before the last one of the facts. */
const [FIRST, LAST] = ["qmp_capabilities", "query-iothreads"] as const;

const IDENTITY = /^(process-changed|several-users|another-user|not-dumpable)$/;

const ATTACKS: readonly (readonly [string, string, string])[] = [
  ["check", "a set-user-ID program", FIRST],
  ["check", "a set-user-ID program", LAST],
  ["update", "a set-user-ID program", LAST],
  ["check", "a set-group-ID program", FIRST],
  ["update", "a set-group-ID program", LAST],
  ["update", "a program of its own", LAST],
];

for (const [verb, name, moment] of ATTACKS) {
  Deno.test({
    name: `${verb}: a process that becomes ${name} at ${moment} is no VM`,
    ignore,
    async fn() {
      await using vm = await HostileVm.start({
        real: real.files.qmp,
        argv: real.argv,
      });
      const disguise = await DISGUISES[name]?.(vm);
      let done = false;
      vm.play({
        before: async (command) => {
          if (done || command !== moment || disguise === undefined) return;
          done = true;
          await vm.become(disguise);
        },
      });
      const { code, stdout, stderr } = await runCprctl([
        ...[verb, "--qmp", vm.socket, "--json"],
        ...["--binary", builds.new.binary],
      ]);
      assert(done, `${moment} was not asked: ${stderr}`);
      assertEquals(code, 3, `${stdout} ${stderr}`);
      // Whom cprctl does not take for a VM at all has no report.
      const { outcome, error } = JSON.parse(stdout);
      assertEquals(outcome, moment === FIRST ? "error" : "refused");
      assertMatch(error.code, IDENTITY);
      assertEquals(await real.runState(), "running");
    },
  });
}

Deno.test({
  name: "a process that gave root up is no VM once it has all of it again",
  ignore,
  async fn() {
    await using vm = await HostileVm.start({
      real: real.files.qmp,
      argv: real.argv,
      openedByRoot: true,
    });
    // As some programs do: real, effective and saved user are root's.
    const file = await vm.copyOf("/usr/bin/perl", "disguise", 0o4755);
    const code = "$< = $>; sleep 600";
    await vm.become({ file, argv: ["qemu-system-x86_64", "-e", code] });
    await untilRoot(vm.pid);
    const { code: exit, stdout } = await runCprctl([
      ...["check", "--qmp", vm.socket, "--json"],
      ...["--binary", builds.new.binary],
    ]);
    assertEquals(exit, 3, stdout);
    assertEquals(JSON.parse(stdout).error.code, "privileged-program");
  },
});

/** Waits until all ids of a process's user are root's. */
async function untilRoot(pid: number): Promise<void> {
  const deadline = performance.now() + 60_000;
  const isRoot = () =>
    /^Uid:(\t0){4}$/m.test(Deno.readTextFileSync(`/proc/${pid}/status`));
  while (!isRoot()) {
    assert(performance.now() < deadline, "It does not become root");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

Deno.test({
  name: "a process that ends while it is looked at is said to have ended",
  ignore,
  async fn() {
    await using vm = await HostileVm.start({ real: real.files.qmp });
    vm.play({
      before: (command) => {
        if (command === FIRST) Deno.kill(vm.pid, "SIGKILL");
      },
    });
    const { code, stdout } = await runCprctl(
      ["check", "--qmp", vm.socket, "--json"],
    );
    const { error } = JSON.parse(stdout);
    assertEquals([code, error.code], [3, "process-ended"]);
    assertMatch(error.message, /^Process \d+ ended while it was examined$/);
  },
});

Deno.test({
  name: "a hostile process that stays what it is, is looked at like any VM",
  ignore,
  async fn() {
    await using vm = await HostileVm.start({
      real: real.files.qmp,
      argv: real.argv,
    });
    const { stdout } = await runCprctl([
      ...["check", "--qmp", vm.socket, "--json"],
      ...["--binary", builds.new.binary],
    ]);
    const { checks } = validateReport(JSON.parse(stdout));
    assert(checks.length > 40, stdout);
    const { uid } = await Deno.stat(`/proc/${vm.pid}`);
    assertEquals(uid, USER);
  },
});

Deno.test({
  name: "a hostile process that is stopped keeps nobody waiting",
  ignore,
  async fn() {
    await using vm = await HostileVm.start({ real: real.files.qmp });
    Deno.kill(vm.pid, "SIGSTOP");
    await vm.pretend(["qemu-system-x86_64"]);
  },
});
