/** The exec fails, or what comes before it: the VM runs on as if nothing was. */

import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { type QmpClient, QmpCommandError } from "../../../lib/qmp/mod.ts";
import {
  ask,
  enable,
  GuestRam,
  Lab,
  memfdsOf,
  prepareExec,
  reached,
  runState,
  story,
  type Vm,
} from "./harness/mod.ts";

/** Asserts that the VM runs, and that nothing of the attempt is left. */
async function assertRunsOn(vm: Vm, qmp: QmpClient, ram: GuestRam) {
  assertEquals(await runState(qmp), "running");
  await ram.ticked(2);
  assertEquals(ram.status.error, 0);
  const memfds = [...memfdsOf(vm.pid)];
  assertEquals(memfds.map(([name]) => name), ["ram0", "virt.aux"]);
  for (const [name, { cloexec }] of memfds) {
    assertEquals(cloexec, true, `${name} would leak into children`);
  }
}

/** Files that cannot be executed; the directory belongs to the test. */
function commandsThatFail(directory: string) {
  const file = (name: string, mode: number, text = "#!/bin/sh\nexit 3\n") => {
    const path = `${directory}/${name}`;
    Deno.writeTextFileSync(path, text);
    Deno.chmodSync(path, mode);
    return path;
  };
  const link = (name: string, target: string) => {
    Deno.symlinkSync(target, `${directory}/${name}`);
    return `${directory}/${name}`;
  };
  return [
    { command: "/nonexistent/new", code: "ENOENT" },
    { command: "no-program-has-this-name", code: "ENOENT" },
    { command: "", code: "ENOENT" },
    { command: link("dangling", "gone"), code: "ENOENT" },
    { command: link("loop", "loop"), code: "ELOOP" },
    { command: file("plain", 0o644), code: "EACCES" },
    { command: file("unreadable", 0o000), code: "EACCES" },
    { command: directory, code: "EACCES" },
    { command: `${file("not-a-directory", 0o755)}/new`, code: "ENOTDIR" },
    {
      command: file("no-interpreter", 0o755, "#!/nonexistent/interpreter\n"),
      code: "ENOENT",
    },
    { command: `/${"long".repeat(100)}`, code: "ENAMETOOLONG" },
    { command: "/bin/sh", more: ["x".repeat(256 * 1024)], code: "E2BIG" },
  ];
}

Deno.test("a command that cannot be executed leaves the VM as it was", async () => {
  await using lab = await Lab.open();
  const vm = lab.start();
  const qmp = await vm.connect();
  await enable(qmp, "events");
  using ram = new GuestRam(vm.pid);
  await ram.ticked();

  for (const { command, more = [], code } of commandsThatFail(lab.folder)) {
    using watch = qmp.watch();
    await prepareExec(qmp, [command, ...more]);
    await qmp.execute("migrate", { uri: `file:${vm.stateFile}` });
    await reached(watch, "failed");
    await watch.next("RESUME", { timeoutMs: 1000 });
    assertEquals(story(watch), [
      ...["setup", "STOP", "active", "MIGRATION_PASS", "device", "completed"],
      ...["failed", "RESUME"],
    ]);
    assertEquals(await ask(qmp, "query-migrate", "status"), "failed");
    const reason = await ask(qmp, "query-migrate", "error-desc");
    assertStringIncludes(String(reason), `execvp ${command} failed: `);
    assertStringIncludes(String(reason), code);
    await assertRunsOn(vm, qmp, ram);
  }

  // A program that is being written: what a package manager may do meanwhile.
  const busy = lab.path("busy");
  await Deno.copyFile("/bin/true", busy);
  await Deno.chmod(busy, 0o755);
  {
    using _writer = await Deno.open(busy, { write: true });
    using watch = qmp.watch();
    await prepareExec(qmp, [busy]);
    await qmp.execute("migrate", { uri: `file:${vm.stateFile}` });
    await reached(watch, "failed");
    const reason = await ask(qmp, "query-migrate", "error-desc");
    assertMatch(String(reason), /^execvp .*\/busy failed: .*ETXTBSY/);
    await assertRunsOn(vm, qmp, ram);
  }

  const after = await vm.update(qmp);
  await assertRunsOn(vm, after, ram);
  assertEquals(vm.stderr.text, "");
});

Deno.test("without a command the migration is refused and the VM never stops", async () => {
  await using lab = await Lab.open();
  const vm = lab.start();
  const qmp = await vm.connect();
  await enable(qmp, "events");
  using ram = new GuestRam(vm.pid);
  using watch = qmp.watch();
  for (const command of [undefined, []]) {
    await qmp.execute("migrate-set-parameters", {
      mode: "cpr-exec",
      ...command === undefined ? {} : { "cpr-exec-command": command },
    });
    const refusal = await assertRejects(
      () => qmp.execute("migrate", { uri: `file:${vm.stateFile}` }),
      QmpCommandError,
    );
    assertEquals(refusal.errorClass, "GenericError");
    assertEquals(
      refusal.description,
      "cpr-exec mode requires setting cpr-exec-command",
    );
  }
  await assertRunsOn(vm, qmp, ram);
  assertEquals(story(watch), []);
  await assertRejects(() => Deno.stat(vm.stateFile), Deno.errors.NotFound);
  await (await vm.update(qmp)).close();
});

/** Mounts a file system of its own that has room for so many bytes. */
function onSmallFileSystem(directory: string, room: number): string[] {
  const size = 64 * 1024;
  const script = `mount -t tmpfs -o size=${size} none "$0" &&
    head -c ${size - room} /dev/zero > "$0/filler" && exec "$@"`;
  return ["unshare", "--mount", "/bin/sh", "-c", script, directory];
}

/** Another mount namespace takes a right that not everyone has. */
const mayMount = new Deno.Command("unshare", {
  args: ["--mount", "true"],
  stderr: "null",
}).outputSync().success;

const END_OF_PAGE = { room: 4096, offset: 3900 };

Deno.test({
  name: "a state file on a full file system: failed, and the VM runs on",
  ignore: !mayMount,
  async fn() {
    // Full at once; and a page is left, whose end the devices run over.
    for (const { room, offset } of [{ room: 0, offset: 0 }, END_OF_PAGE]) {
      await using lab = await Lab.open();
      const mount = lab.path("small");
      await Deno.mkdir(mount);
      const vm = lab.start({ wrapper: onSmallFileSystem(mount, room) });
      const qmp = await vm.connect();
      await enable(qmp, "events");
      using ram = new GuestRam(vm.pid);
      using watch = qmp.watch();
      await prepareExec(qmp, vm.successor);
      const uri = `file:${mount}/vm.state${offset ? `,offset=${offset}` : ""}`;
      await qmp.execute("migrate", { uri });
      await reached(watch, "failed");
      const reason = await ask(qmp, "query-migrate", "error-desc");
      assertEquals(
        reason,
        `Could not write "${uri}": No space left on device (ENOSPC)`,
      );
      assertEquals(story(watch).includes("device"), offset > 0);
      await assertRunsOn(vm, qmp, ram);

      // Seen through the machine's own file systems; now there is room.
      await Deno.remove(`/proc/${vm.pid}/root${mount}/filler`);
      await prepareExec(qmp, [...vm.argv, "-incoming", uri]);
      await qmp.execute("migrate", { uri });
      await qmp.closed;
      await assertRunsOn(vm, await vm.connect(), ram);
    }
  },
});
