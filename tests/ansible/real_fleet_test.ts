/** The playbook on hosts with real QEMU, and on one with an embedded machine. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { knownBuilds } from "../../testing/qemu/builds/builds.ts";
import { Lab } from "../../testing/machine/mod.ts";
import { exists } from "../../testing/program/exists.ts";
import { failingScript } from "../../testing/program/failing_program.ts";
import {
  PLAIN,
  until,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";
import {
  ControlNode,
  ends,
  Hypervisor,
  inode,
  killModule,
  Versions,
} from "./harness/mod.ts";

const PLAYBOOK = "cprctl.qemu.update";
const TIMEOUT_MS = 60_000;
const builds = await knownBuilds();
const ignore = builds === undefined;
if (ignore) console.warn("No QEMU: run deno task get-qemu first");

/** A host with a real VM, and the path of the QEMU that it is to run. */
class RealHost implements AsyncDisposable {
  private constructor(
    readonly name: string,
    readonly vm: VirtualMachine,
    readonly witness: Witness,
    readonly binary: string,
  ) {}

  static async boot(lab: Lab, name: string): Promise<RealHost> {
    assert(builds !== undefined);
    const vm = await VirtualMachine.boot(builds.old, PLAIN, "tcg");
    const binary = lab.path(`${name}-qemu`);
    return new RealHost(name, vm, await Witness.of(vm), binary);
  }

  get variables() {
    return { cprctl_qmp: [this.vm.files.qmp], cprctl_binary: this.binary };
  }

  /** Lets the path lead to a program. */
  install(program: string): void {
    Deno.symlinkSync(program, `${this.binary}.draft`);
    Deno.renameSync(`${this.binary}.draft`, this.binary);
  }

  /** The same with a new QEMU that does something else when it is to load. */
  installFailing(failure: string): void {
    assert(builds !== undefined);
    const script = `${this.binary}.sh`;
    Deno.writeTextFileSync(script, failingScript(builds.new.binary, failure), {
      mode: 0o755,
    });
    this.install(script);
  }

  /** Looks at the process that has the monitor now: one that went back is new. */
  async findProcess(): Promise<void> {
    await using qmp = await this.vm.monitor();
    const pid = qmp.peer?.pid;
    assert(pid !== undefined);
    this.vm.follow(pid);
  }

  /** Asserts that the guest lives on, on the given QEMU. */
  async assertRunsOn(binary: string): Promise<void> {
    assertEquals(this.vm.executable(), binary);
    assertEquals(await this.vm.runState(), "running");
    await this.witness.assertLivesOn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.vm[Symbol.asyncDispose]();
  }
}

Deno.test("real and embedded machines are moved, host after host", {
  ignore,
}, async (t) => {
  assert(builds !== undefined);
  const updated = (
    name: string,
  ) => [name, "ok", true, "updated", "running-new"];
  const current = (name: string) => [
    name,
    "ok",
    false,
    "up-to-date",
    "running-new",
  ];
  await using lab = await Lab.open();
  const versions = new Versions(lab);
  await using a = await RealHost.boot(lab, "a");
  await using b = await RealHost.boot(lab, "b");
  const c = new Hypervisor(lab, versions, "c");
  const before = await c.look();
  const node = new ControlNode(lab.folder, {
    a: a.variables,
    b: b.variables,
    c: c.variables,
  });
  const { pid } = a.vm;
  for (const host of [a, b]) host.install(builds.new.binary);
  c.install(versions.new);

  await t.step("--check --diff is true and touches nothing", async () => {
    const played = await node.play(PLAYBOOK, "--check", "--diff");
    assertEquals(played.code, 0, played.stdout);
    assertEquals(
      ends(played),
      ["a", "b", "c"].map((
        name,
      ) => [name, "ok", true, "would-update", "running-old"]),
    );
    for (const host of [a, b]) {
      assertStringIncludes(played.stdout, `+binary: ${host.binary}`);
      await host.assertRunsOn(builds.old.binary);
    }
    assertEquals(await c.look(), before);
    assertEquals(node.leftOver(), []);
  });

  await t.step("a QEMU that fails stops the batch", async () => {
    b.installFailing("exit 3");
    const played = await node.play(PLAYBOOK);
    assert(played.code !== 0);
    assertEquals(ends(played), [
      updated("a"),
      ["b", "failed", false, "rolled-back", "running-old"],
    ], played.stdout);
    await a.assertRunsOn(builds.new.binary);
    assertEquals(a.vm.pid, pid);
    await b.findProcess();
    await b.assertRunsOn(builds.old.binary);
    assertEquals(await c.look(), before);
    assertEquals(node.leftOver(), []);
  });

  await t.step("a later run goes on", async () => {
    b.install(builds.new.binary);
    const played = await node.play(PLAYBOOK);
    assertEquals(played.code, 0, played.stdout);
    assertEquals(ends(played), [current("a"), updated("b"), updated("c")]);
    await b.assertRunsOn(builds.new.binary);
    assertEquals(await c.look(), { ...before, ino: inode(versions.new) });
  });

  await t.step("the next has nothing to do", async () => {
    const played = await node.play(PLAYBOOK);
    assertEquals(played.code, 0, played.stdout);
    assertEquals(ends(played), ["a", "b", "c"].map(current));
    assert(!/changed=[1-9]/.test(played.stdout), played.stdout);
    for (const host of [a, b]) await host.assertRunsOn(builds.new.binary);
  });
});

Deno.test("an update goes on when its playbook is killed", {
  ignore,
}, async () => {
  assert(builds !== undefined);
  await using lab = await Lab.open();
  await using host = await RealHost.boot(lab, "a");
  const node = new ControlNode(lab.folder, { a: host.variables });
  const started = lab.path("started");
  const go = lab.path("go");
  host.installFailing(`: >${started}; until [ -e ${go} ]; do :; done`);

  const playbook = node.start(PLAYBOOK, "null");
  await until("the new QEMU starts", TIMEOUT_MS, () => exists(started));
  playbook.kill("SIGKILL");
  await playbook.status;
  Deno.writeTextFileSync(go, "");
  await until(
    "the update is over",
    TIMEOUT_MS,
    () => node.leftOver().length === 0,
  );

  await host.assertRunsOn(builds.new.binary);
  const { code, stdout } = await node.cprctl("recover", "--json");
  assertEquals([code, JSON.parse(stdout).results], [0, []]);
});

Deno.test("recover rolls a real VM back whose module was killed", {
  ignore,
}, async () => {
  assert(builds !== undefined);
  await using lab = await Lab.open();
  await using host = await RealHost.boot(lab, "a");
  const node = new ControlNode(lab.folder, { a: host.variables });
  const started = lab.path("started");
  host.installFailing(`: >${started}; exec sleep 1000`);

  const playbook = node.start(PLAYBOOK, "null");
  await until("the new QEMU starts", TIMEOUT_MS, () => exists(started));
  playbook.kill("SIGKILL");
  await playbook.status;
  killModule(lab.folder);

  // Any later run of the playbook begins with this, and then moves the VM.
  host.install(builds.new.binary);
  const played = await node.play(PLAYBOOK);
  assertEquals(played.code, 0, played.stdout);
  assertEquals(ends(played), [["a", "ok", true, "updated", "running-new"]]);
  await host.findProcess();
  await host.assertRunsOn(builds.new.binary);
  assertEquals(node.leftOver(), []);
});
