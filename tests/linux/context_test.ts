/**
 * A VM as a manager of VMs starts it: as a user of its own, in network and mount
 * namespaces of its own, with a limit of memory, pinned threads, the queues of a
 * tap interface by descriptor, and a client that holds its second monitor.
 */

import { assert, assertEquals } from "@std/assert";
import {
  getScheduling,
  setAffinity,
  setScheduling,
} from "../../ffi/scheduling.ts";
import { readPlacement } from "../../lib/proc/placement.ts";
import { isObject, QmpClient } from "../../lib/qmp/mod.ts";
import { failingProgram } from "../../testing/program/failing_program.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { asUser, until } from "../../testing/qemu/mod.ts";
import { memoryHierarchy } from "../../testing/qemu/tight_group.ts";
import { reported } from "../../testing/update/cprctl.ts";
import { IS_WHOLE } from "./harness/whole.ts";
import { LinuxMachine, TAP } from "./harness/mod.ts";
import { Load } from "./harness/load.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 120_000;
const QUEUES = 4;
/** The guest uses a queue for each vCPU: some of them, or all. */
const VCPUS = IS_WHOLE ? [2, QUEUES] : [QUEUES];
const FIRST = 77;
const NUMBERS = Array.from({ length: QUEUES }, (_, index) => FIRST + index);
const USER = 1000;
/** Connections enough for each queue to have some. */
const CONNECTIONS = 4;
const MEMORY_LIMIT = 1 << 30;
const HOST_CPUS = navigator.hardwareConcurrency;
const PASS_TAPS =
  new URL("../../testing/linux/programs/pass_taps.ts", import.meta.url)
    .pathname;

const ENTER = `set -e
chown -R ${USER}:${USER} "$1"
mkdir "$1/private"
mount --bind "$1/disk" "$1/private"
if [ -n "$2" ]; then echo $$ >"$2/cgroup.procs"; fi
shift 2
exec "$@"`;

/** A control group with a limit of memory; undefined where there can be none. */
class LimitedGroup implements AsyncDisposable {
  private constructor(readonly folder: string, readonly limit: string) {}

  static async make(): Promise<LimitedGroup | undefined> {
    const place = memoryHierarchy();
    if (place === undefined) return undefined;
    const dir = place.parent;
    const folder = await Deno.makeTempDir({ dir, prefix: "cprctl-test-" });
    const limit = `${folder}/${place.limit}`;
    await Deno.writeTextFile(limit, `${MEMORY_LIMIT}`, { create: false });
    return new LimitedGroup(folder, limit);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // What was killed in it takes a moment to be gone.
    await until(
      "the group is empty",
      TIMEOUT_MS,
      async () => await Deno.readTextFile(`${this.folder}/cgroup.procs`) === "",
    );
    await Deno.remove(this.folder);
  }
}

/** The threads of a VM, by what they are for. */
async function threadsOf(vm: LinuxMachine): Promise<Map<string, number>> {
  const threads = new Map([["main", vm.pid]]);
  const cpus = await vm.command("query-cpus-fast");
  for (const cpu of Array.isArray(cpus) ? cpus.filter(isObject) : []) {
    threads.set(`vCPU ${cpu["cpu-index"]}`, Number(cpu["thread-id"]));
  }
  const iothreads = await vm.command("query-iothreads");
  for (const it of Array.isArray(iothreads) ? iothreads.filter(isObject) : []) {
    threads.set(String(it["id"]), Number(it["thread-id"]));
  }
  return threads;
}

async function pinThreads(vm: LinuxMachine): Promise<void> {
  const threads = await threadsOf(vm);
  for (const [at, name] of ["vCPU 0", "vCPU 1", "io0"].entries()) {
    const tid = threads.get(name);
    assert(tid !== undefined, `There is no ${name}`);
    setAffinity(tid, [at % HOST_CPUS]);
    setScheduling(tid, { ...getScheduling(tid), nice: at + 1 });
  }
}

/** As whom, where, and with which means a VM runs. */
async function contextOf(vm: LinuxMachine, group: LimitedGroup | undefined) {
  const { pid } = vm;
  const read = (name: string) => Deno.readTextFileSync(`/proc/${pid}/${name}`);
  const threads = await threadsOf(vm);
  return {
    status: read("status").match(/^(Uid|Gid|Groups|Cap\w+|NoNewPrivs):.*$/gm),
    namespaces: ["mnt", "net", "pid", "user"].map((name) =>
      Deno.readLinkSync(`/proc/${pid}/ns/${name}`)
    ),
    cgroup: read("cgroup"),
    limits: read("limits"),
    memory: group && Deno.readTextFileSync(group.limit).trim(),
    placements: [...threads].map(([name, tid]) => [name, readPlacement(tid)]),
    netdev: read("cmdline").split("\0").filter((it) => it.startsWith("tap,")),
    queues: await vm.agent.run("ls /sys/class/net/eth0/queues"),
  };
}

/** Moves the VM while another client holds the second monitor. */
async function move(vm: LinuxMachine, binary: string, wanted: string) {
  const address = { path: vm.files.second };
  await using client = await QmpClient.connect(address, {
    timeoutMs: TIMEOUT_MS,
  });
  const { stdout, stderr, report } = await reported(
    ["update", "--qmp", vm.files.qmp, "--binary", binary],
    TIMEOUT_MS,
  );
  assertEquals(report.outcome, wanted, stdout + stderr);
  vm.follow(report.pid_after ?? 0);
  // Its connection has ended; it is served again when it connects again.
  await client.closed;
  await vm.secondCommand("query-status");
}

for (const cpus of VCPUS) {
  Deno.test({
    name:
      `a VM of a manager with ${cpus} vCPUs is the same after an update and a rollback`,
    ignore: Deno.uid() !== 0,
    async fn() {
      await using group = await LimitedGroup.make();
      const folders = (folder: string) => [folder, group?.folder ?? ""];
      const deno = [Deno.execPath(), "run", "--quiet", "--allow-all"];
      await using vm = await LinuxMachine.boot(builds.old, {
        cpus,
        diskPath: (folder) => `${folder}/private/disk.img`,
        netdev: `fds=${NUMBERS.join(":")}`,
        nic: "mq=on,vectors=10",
        extra: ["-object", "iothread,id=io0"],
        launcher: (folder) => [
          ...["/bin/sh", "-c", ENTER, "sh", ...folders(folder)],
          ...[...deno, PASS_TAPS, TAP, `${FIRST}`, `${QUEUES}`],
          ...asUser(USER),
        ],
      });
      const dies = failingProgram(vm.folder, builds.new);
      await using stack = new AsyncDisposableStack();
      const connections = [stack.use(await vm.echo())];
      while (connections.length < CONNECTIONS) {
        connections.push(stack.use(await vm.echo()));
      }
      const [first] = connections;
      assert(first !== undefined);
      const load = new Load(vm, first);
      await pinThreads(vm);
      const before = await contextOf(vm, group);
      assertEquals(before.queues.match(/tx-/g)?.length, cpus);
      const steps = [
        [builds.new.binary, "updated"],
        [dies, "rolled-back"],
        [builds.old.binary, "updated"],
      ] as const;
      for (const [binary, outcome] of steps) {
        await move(vm, binary, outcome);
        await load.goesOn();
        for (const connection of connections) await connection.roundTrip();
        assertEquals(await contextOf(vm, group), before, binary);
      }
      await load.finish();
    },
  });
}
