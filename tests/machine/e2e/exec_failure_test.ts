/** The exec fails, or what comes before it: the VM runs on as if nothing was. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { type QmpClient, QmpCommandError } from "../../../lib/qmp/mod.ts";
import {
  ask,
  closesOnExec,
  DEADLINE_MS,
  enable,
  GuestRam,
  Lab,
  memfdsOf,
  prepareExec,
  reached,
  runState,
  story,
  type Vm,
} from "../../../testing/machine/mod.ts";

/** Asserts that the VM runs, and that nothing of the attempt is left. */
async function assertRunsOn(vm: Vm, qmp: QmpClient, ram: GuestRam) {
  assertEquals(await runState(qmp), "running");
  await ram.ticked(2);
  assertEquals(ram.status.error, 0);
  const memfds = [...memfdsOf(vm.pid)];
  assertEquals(memfds.map(([name]) => name), ["ram0", "virt.aux"]);
  for (const [name, { number }] of memfds) {
    assert(closesOnExec(vm.pid, number), `${name} would leak into children`);
  }
}

const NOT_THERE = "No such file or directory";
const NOT_ALLOWED = "Permission denied";

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
    { command: "/nonexistent/new", why: NOT_THERE },
    { command: "no-program-has-this-name", why: NOT_THERE },
    { command: "", why: NOT_THERE },
    { command: link("dangling", "gone"), why: NOT_THERE },
    { command: link("loop", "loop"), why: "Too many levels of symbolic links" },
    { command: file("plain", 0o644), why: NOT_ALLOWED },
    { command: file("unreadable", 0o000), why: NOT_ALLOWED },
    { command: directory, why: NOT_ALLOWED },
    {
      command: `${file("not-a-directory", 0o755)}/new`,
      why: "Not a directory",
    },
    {
      command: file("no-interpreter", 0o755, "#!/nonexistent/interpreter\n"),
      why: NOT_THERE,
    },
    { command: `/${"long".repeat(100)}`, why: "File name too long" },
    {
      command: "/bin/sh",
      more: ["x".repeat(256 * 1024)],
      why: "Argument list too long",
    },
  ];
}

Deno.test("a command that cannot be executed leaves the VM as it was", async () => {
  await using lab = await Lab.open();
  const vm = lab.start();
  const qmp = await vm.connect();
  await enable(qmp, "events");
  using ram = new GuestRam(vm.pid);
  await ram.ticked();

  for (const { command, more = [], why } of commandsThatFail(lab.folder)) {
    using watch = qmp.watch();
    await prepareExec(qmp, [command, ...more]);
    await qmp.execute("migrate", { uri: `file:${vm.stateFile}` });
    await reached(watch, "failed");
    await watch.next("RESUME", { timeoutMs: DEADLINE_MS });
    assertEquals(story(watch), [
      ...["setup", "STOP", "active", "MIGRATION_PASS", "device", "completed"],
      ...["failed", "RESUME"],
    ]);
    assertEquals(await ask(qmp, "query-migrate", "status"), "failed");
    const reason = await ask(qmp, "query-migrate", "error-desc");
    assertEquals(reason, `execvp ${command} failed: ${why}`);
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
    assertEquals(reason, `execvp ${busy} failed: Text file busy`);
    await assertRunsOn(vm, qmp, ram);
  }

  const after = await vm.update(qmp);
  await assertRunsOn(vm, after, ram);
  assertEquals(vm.stderr.text, "");
});

Deno.test("a guest that did not run does not run after a failed exec either", async () => {
  for (const paused of [true, false]) {
    await using lab = await Lab.open();
    const vm = lab.start({ more: paused ? [] : ["-S"] });
    const qmp = await vm.connect();
    await enable(qmp, "events");
    using ram = new GuestRam(vm.pid);
    if (paused) {
      await ram.ticked();
      await qmp.execute("stop");
    }
    const before = await ram.digest();
    using watch = qmp.watch();
    await prepareExec(qmp, ["/nonexistent/new"]);
    const uri = `file:${vm.stateFile}`;
    await qmp.execute("migrate", { uri });
    await reached(watch, "failed");
    // As QEMU has it; so it is not migrated again until it has run.
    assertEquals(await runState(qmp), "postmigrate");
    await assertRejects(
      () => qmp.execute("migrate", { uri }),
      QmpCommandError,
      "paused due to migration",
    );
    assertEquals(await ram.digest(), before);
    assert(!story(watch).includes("RESUME"));
    await qmp.execute("cont");
    await assertRunsOn(vm, qmp, ram);
    const successor = vm.successor.filter((word) => word !== "-S");
    await assertRunsOn(vm, await vm.update(qmp, successor), ram);
  }
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
