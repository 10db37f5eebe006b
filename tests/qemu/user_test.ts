/** What a user who is not root can do, and is told of the rest. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { failingProgram } from "../../testing/program/failing_program.ts";
import { validateReport } from "../../testing/update/report.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { AloneProgram, type Circumstances } from "./alone.ts";
import { PLAIN, VirtualMachine, Witness } from "../../testing/qemu/mod.ts";

const builds = await qemuBuilds();

/** Need not have a name. */
const USER = 1000;
const OTHER = 1001;

const ignore = Deno.uid() !== 0;
if (ignore) console.warn("Not root: the tests of other users wait");

const stack = new AsyncDisposableStack();
let program: AloneProgram;

Deno.test.beforeAll(async () => {
  if (!ignore) program = stack.use(await AloneProgram.make([USER]));
});

Deno.test.afterAll(() => stack.disposeAsync());

/** A VM of a user; without KVM, which users may not have. */
function bootOf(user: number): Promise<VirtualMachine> {
  return VirtualMachine.boot(builds.old, { ...PLAIN, user }, "tcg");
}

async function update(
  vm: VirtualMachine,
  binary: string,
  circumstances: Circumstances = { user: USER },
) {
  const { code, stdout, stderr } = await program.run(
    ["update", "--qmp", vm.files.qmp, "--binary", binary, "--json"],
    circumstances,
  );
  assert(stdout !== "", stderr);
  return { code, report: validateReport(JSON.parse(stdout)) };
}

Deno.test("a user's own VM is moved, with a runtime directory and without", {
  ignore,
}, async (t) => {
  await using vm = await bootOf(USER);
  const witness = await Witness.of(vm);
  const runtime = `${vm.folder}/runtime`;
  await Deno.mkdir(runtime, { mode: 0o700 });
  await Deno.chown(runtime, USER, USER);
  const rounds = [
    [builds.new.binary, {}],
    [builds.old.binary, { XDG_RUNTIME_DIR: runtime }],
  ] as const;
  for (const [binary, environment] of rounds) {
    await t.step(JSON.stringify(environment), async () => {
      const { code, report } = await update(vm, binary, {
        user: USER,
        environment,
      });
      assertEquals(
        [code, report.outcome],
        [0, "updated"],
        report.error?.message,
      );
      assertEquals(report.warnings, []);
      assertEquals([report.pid_after, vm.executable()], [vm.pid, binary]);
      await witness.assertLivesOn();
    });
  }
  assertEquals([...Deno.readDirSync(`${runtime}/cprctl`)], []);
});

Deno.test("a user's own VM is rolled back to the old program", {
  ignore,
}, async () => {
  await using vm = await bootOf(USER);
  const witness = await Witness.of(vm);
  const failing = failingProgram(vm.folder, builds.new);
  const { code, report } = await update(vm, failing);
  assertEquals([code, report.outcome], [4, "rolled-back"]);
  assertEquals(report.warnings, []);
  assert(report.pid_after !== null && report.pid_after !== vm.pid);
  vm.follow(report.pid_after);
  assertEquals(vm.executable(), builds.old.binary);
  const { uid } = await Deno.stat(`/proc/${vm.pid}`);
  assertEquals(uid, USER);
  await witness.assertLivesOn();
});

Deno.test("root moves the VM of a user, which still belongs to the user", {
  ignore,
}, async () => {
  await using vm = await bootOf(USER);
  const witness = await Witness.of(vm);
  const { code, report } = await update(vm, builds.new.binary, {});
  assertEquals([code, report.outcome], [0, "updated"], report.error?.message);
  assertEquals(vm.executable(), builds.new.binary);
  const { uid } = await Deno.stat(`/proc/${vm.pid}`);
  assertEquals(uid, USER);
  await witness.assertLivesOn();
});

Deno.test(
  "another user's VM is refused with a clear message, and keeps running",
  {
    ignore,
  },
  async (t) => {
    await using vm = await bootOf(OTHER);
    const witness = await Witness.of(vm);
    const words = ["update", "--qmp", vm.files.qmp];
    const { qmp } = vm.files;

    await t.step("whose monitor is the other's alone", async () => {
      await Deno.chmod(vm.folder, 0o755);
      const { code, stderr } = await program.run(words, { user: USER });
      assertEquals(code, 3);
      assertStringIncludes(
        stderr,
        `Cannot connect to the monitor "${qmp}": permission denied`,
      );
      assertStringIncludes(stderr, "Run as root or as the owner of the socket");
    });

    await t.step("whose monitor is for everybody", async () => {
      await Deno.chmod(qmp, 0o666);
      const { code, stdout, stderr } = await program.run(words, { user: USER });
      assertEquals([code, stdout], [3, ""]);
      assertStringIncludes(
        stderr,
        `error: User ${USER} may not examine process ${vm.pid}, which belongs ` +
          `to user ${OTHER}`,
      );
      assertStringIncludes(
        stderr,
        "try: Run cprctl as root, or as the user of the VM",
      );
    });

    await t.step("and is counted by list", async () => {
      const { code, stdout } = await program.run(["list", "--json"], {
        user: USER,
      });
      assertEquals(code, 0);
      const { vms, unreadable } = JSON.parse(stdout);
      assertEquals(
        vms.filter(({ pid }: { pid: number }) => pid === vm.pid),
        [],
      );
      assert(unreadable > 0);
    });

    assertEquals(vm.executable(), builds.old.binary);
    await witness.assertLivesOn();
  },
);
