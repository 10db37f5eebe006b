import { assert, assertEquals, assertNotEquals } from "@std/assert";
import {
  getScheduling,
  setAffinity,
  setScheduling,
} from "../../ffi/scheduling.ts";
import { isObject, type Json } from "../../lib/qmp/mod.ts";
import { cgroupMounts, folderOf } from "../../lib/proc/cgroup.ts";
import { readPlacement } from "../../lib/proc/placement.ts";
import type { Report } from "../../lib/update/report/report.ts";
import { failingProgram } from "../../testing/program/failing_program.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import {
  accelerators,
  type Machine,
  PLAIN,
  until,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";
import { tryToMove } from "./moved.ts";

const builds = await qemuBuilds();
const { old } = builds;
const SCHED_BATCH = 3;
const TIMEOUT_MS = 30_000;
const HOST_CPUS = navigator.hardwareConcurrency;

const MACHINE: Machine = {
  ...PLAIN,
  name: "q35, 2 vCPUs, iothread",
  cpus: 2,
  extra: ["-object", "iothread,id=io0"],
  disk: "virtio-blk-pci,iothread=io0",
};

/** The threads of a VM by what they are for. */
async function threadsOf(vm: VirtualMachine): Promise<Map<string, number>> {
  const threads = new Map([["main", vm.pid]]);
  for (const it of list(await vm.command("query-cpus-fast"))) {
    threads.set(`vCPU ${it["cpu-index"]}`, Number(it["thread-id"]));
  }
  for (const it of list(await vm.command("query-iothreads"))) {
    threads.set(String(it["id"]), Number(it["thread-id"]));
  }
  return threads;
}

function list(reply: Json) {
  return Array.isArray(reply) ? reply.filter(isObject) : [];
}

/** Gives each thread a place that no other has, and none by itself. */
function pin(threads: ReadonlyMap<string, number>): void {
  const last = HOST_CPUS - 1;
  const places: [string, number, number][] = [
    ["main", 0, 1],
    ["vCPU 0", 0, 4],
    ["vCPU 1", last, 2],
    ["io0", last, 7],
  ];
  for (const [name, cpu, nice] of places) {
    const tid = threads.get(name);
    assert(tid !== undefined, `no ${name}`);
    setAffinity(tid, [cpu]);
    const policy = name === "io0" ? SCHED_BATCH : 0;
    setScheduling(tid, { ...getScheduling(tid), policy, nice });
  }
}

function placesOf(threads: ReadonlyMap<string, number>) {
  return [...threads].map(([name, tid]) => [name, readPlacement(tid)]);
}

function failing({ folder }: VirtualMachine) {
  return { binary: failingProgram(folder, builds.new) };
}

/** The next process of a VM, whose monitor stays where it was. */
function processOf(report: Report): number {
  assert(report.pid_after !== null, JSON.stringify(report.error));
  return report.pid_after;
}

/** A group of the kernel's second version, with one in it for threads. */
class ThreadedGroup implements AsyncDisposable {
  private constructor(readonly folder: string) {}

  /** Undefined where this user cannot make one. */
  static make(): ThreadedGroup | undefined {
    const mounts = cgroupMounts(Deno.readTextFileSync("/proc/self/mountinfo"));
    const root = folderOf(mounts, "", "/");
    if (root === undefined || Deno.uid() !== 0) return undefined;
    try {
      const folder = Deno.makeTempDirSync({
        dir: root,
        prefix: "cprctl-test-",
      });
      Deno.mkdirSync(`${folder}/vcpu`);
      Deno.writeTextFileSync(`${folder}/vcpu/cgroup.type`, "threaded");
      return new ThreadedGroup(folder);
    } catch (error) {
      // Mounted to be read only, as in a container.
      if (error instanceof Error) return undefined;
      throw error;
    }
  }

  add(pid: number, vcpu: number): void {
    Deno.writeTextFileSync(`${this.folder}/cgroup.procs`, `${pid}`);
    Deno.writeTextFileSync(`${this.folder}/vcpu/cgroup.threads`, `${vcpu}`);
  }

  threads(): number[] {
    const text = Deno.readTextFileSync(`${this.folder}/vcpu/cgroup.threads`);
    return text.split("\n").filter((it) => it !== "").map(Number);
  }

  processes(): number[] {
    const text = Deno.readTextFileSync(`${this.folder}/cgroup.procs`);
    return text.split("\n").filter((it) => it !== "").map(Number);
  }

  /** What was killed in it takes a moment to be gone. */
  async [Symbol.asyncDispose](): Promise<void> {
    await until("the group is empty", TIMEOUT_MS, () =>
      /^populated 0$/m.test(
        Deno.readTextFileSync(`${this.folder}/cgroup.events`),
      ));
    Deno.removeSync(`${this.folder}/vcpu`);
    Deno.removeSync(this.folder);
  }
}

Deno.test("a thread's own control group is kept by update and rollback", async () => {
  await using group = ThreadedGroup.make();
  if (group === undefined) return;
  await using vm = await VirtualMachine.boot(old, MACHINE, "tcg");
  const vcpu = async () => (await threadsOf(vm)).get("vCPU 1") ?? 0;
  group.add(vm.pid, await vcpu());
  assertEquals(group.threads(), [await vcpu()]);

  const updated = await tryToMove(vm, builds.new);
  assertEquals([updated.outcome, updated.warnings], ["updated", []]);
  assertEquals(group.threads(), [await vcpu()]);

  const back = await tryToMove(vm, failing(vm));
  assertEquals([back.outcome, back.warnings], ["rolled-back", []]);
  assertEquals(group.processes(), [processOf(back)]);
  assertEquals(group.threads(), [await vcpu()]);
});

for (const accelerator of await accelerators(old)) {
  Deno.test(`pinned threads are pinned after an update (${accelerator})`, async () => {
    await using vm = await VirtualMachine.boot(old, MACHINE, accelerator);
    const before = await threadsOf(vm);
    pin(before);
    const places = placesOf(before);

    const report = await tryToMove(vm, builds.new);

    assertEquals(report.outcome, "updated", JSON.stringify(report));
    assertEquals(report.warnings, []);
    const after = await threadsOf(vm);
    assertNotEquals(after.get("vCPU 0"), before.get("vCPU 0"));
    assertEquals(placesOf(after), places);
    await Witness.of(vm).then((witness) => witness.assertLivesOn());
  });

  Deno.test(`pinned threads are pinned after a rollback (${accelerator})`, async () => {
    await using vm = await VirtualMachine.boot(old, MACHINE, accelerator);
    const before = await threadsOf(vm);
    pin(before);
    const places = placesOf(before);

    const report = await tryToMove(vm, failing(vm));

    assertEquals(report.outcome, "rolled-back", JSON.stringify(report));
    assertEquals(report.warnings, []);
    const after = await threadsOf(vm);
    after.set("main", processOf(report));
    assertNotEquals(after.get("main"), before.get("main"));
    assertEquals(placesOf(after), places);
  });
}
