/** VMs with the command lines of managers are rolled back, and updated. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Fd } from "../../ffi/fd.ts";
import { O_RDWR } from "../../ffi/open_flags.ts";
import type { JsonObject } from "../../lib/qmp/mod.ts";
import { QmpClient } from "../../lib/qmp/mod.ts";
import { linux } from "../../lib/update/linux.ts";
import { VhostNet } from "../../lib/update/process/vhost_net.ts";
import type { System } from "../../lib/update/system.ts";
import { listVms } from "../../lib/update/host/list.ts";
import type {
  PrepareDocument,
  PreparedVm,
} from "../../lib/update/managers/prepare.ts";
import { runCprctl } from "../../testing/program/program.ts";
import { apply } from "../../testing/qemu/prepared.ts";
import type { QemuBuild } from "../../testing/qemu/builds/builds.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import {
  ganeti,
  incus,
  incusConfig,
  incusMonitor,
  type ManagerFiles,
  microvmNix,
  proxmox,
  proxmoxEvents,
  quickemu,
} from "../../testing/qemu/managers.ts";
import {
  type Machine,
  openDescriptors,
  until,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";
import { canHaveVhost, makeVhost } from "../../testing/qemu/vhost.ts";
import { patchedQemu } from "../../testing/qemu/patched_qemu.ts";
import { exists } from "../../testing/program/exists.ts";
import { openTap, whyNoTaps } from "../../testing/qemu/tap.ts";
import { makeImage } from "./disk_image.ts";
import { argvOf, move, moveAndReturn, tryToMove } from "./moved.ts";

const builds = await qemuBuilds();
const PATIENCE_MS = 30_000;
const BOOT_MS = 240_000;
/** Out of the way of what a program opens; a shell can open the second. */
const GANETI = { tap: 91, vhost: 8 };

const problem = whyNoTaps();
if (problem !== undefined) console.log(`Without tap interfaces: ${problem}`);

let made = 0;

/** Runs with what a manager would have made. */
function test(
  name: string,
  fn: (files: ManagerFiles) => Promise<void>,
  isPossible = true,
): void {
  const ignore = problem !== undefined || !isPossible;
  Deno.test({
    name,
    ignore,
    async fn() {
      await using _base = await Base.make();
      const folder = await Deno.makeTempDir({ prefix: "cprctl-manager-" });
      try {
        for (const script of ["up", "down"]) {
          await Deno.writeTextFile(
            `${folder}/${script}`,
            `#!/bin/sh\necho ${script} "$1" >>${folder}/scripts\n`,
            { mode: 0o755 },
          );
        }
        await makeImage(builds.old, `${folder}/disk.raw`);
        await makeImage(builds.old, `${folder}/disk.qcow2`);
        await fn({ folder, tap: `cm${Deno.pid}${made++}` });
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

/** There and back, then there; the guest does not notice. */
async function goesBackAndForth(
  vm: VirtualMachine,
  next: QemuBuild,
  system?: System,
): Promise<void> {
  const witness = await Witness.of(vm);
  await moveAndReturn(vm, next, system);
  await witness.assertLivesOn();
  const report = await move(vm, next, system);
  await witness.assertLivesOn();
  assertEquals(
    report.differences.filter(({ verdict }) => verdict === "seen-by-guest"),
    [],
  );
}

async function listed(vm: VirtualMachine) {
  const { vms } = await listVms({ asksMonitors: false });
  return vms.find(({ pid }) => pid === vm.pid);
}

/** What prepare says of a VM that runs. */
async function prepared(vm: VirtualMachine): Promise<PreparedVm> {
  const { code, stdout } = await runCprctl(["prepare", "--json"]);
  const { vms } = JSON.parse(stdout) as PrepareDocument;
  const found = vms.find(({ pid }) => pid === vm.pid);
  assert(found !== undefined, stdout);
  assertEquals(code, vms.every(({ ready }) => ready) ? 0 : 3);
  return found;
}

/**
 * Starts a VM as its manager does, and asserts that it is refused; then again
 * with the lines that prepare prints.
 *
 * @param codes what prepare says that it needs
 */
async function startPrepared(
  build: QemuBuild,
  machine: Machine,
  next: QemuBuild,
  codes: readonly string[],
  configure: (text: string) => Promise<void> = () => Promise.resolve(),
): Promise<VirtualMachine> {
  let lines: PreparedVm;
  {
    await using vm = await VirtualMachine.start(build, machine, "tcg");
    lines = await prepared(vm);
    assertEquals(lines.manager, machine.name);
    assertEquals(lines.needs.map(({ code }) => code), codes);
    const { outcome, error } = await tryToMove(vm, next);
    assertEquals([outcome, error?.code], ["refused", "memory-backends"]);
    assertStringIncludes(error?.remedy ?? "", "cprctl prepare");
  }
  const { words, config } = apply(lines);
  await configure(config);
  const extra = [...machine.extra ?? [], ...words];
  const vm = await VirtualMachine.start(build, { ...machine, extra }, "tcg");
  const { ready, needs } = await prepared(vm);
  assertEquals([ready, needs], [true, []]);
  return vm;
}

async function boots(vm: VirtualMachine): Promise<void> {
  using ram = vm.ram();
  await ram.counterMoves(BOOT_MS);
}

test("a VM of Proxmox", async (files) => {
  const { folder } = files;
  await using before = patchedQemu(builds.old);
  await using after = patchedQemu(builds.new);
  using events = Deno.listen({
    transport: "unix",
    path: proxmoxEvents(folder),
  });
  let connections = 0;
  const daemon = (async () => {
    for await (const connection of events) {
      connections++;
      // It reads events until the VM hangs up.
      connection.readable.pipeTo(new WritableStream()).catch(() => {});
    }
  })();
  await using vm = await startPrepared(
    before.build,
    proxmox(files),
    after.build,
    ["memory-backends"],
  );
  await boots(vm);
  const polling = "guest-stats-polling-interval";
  const path = "/machine/peripheral/balloon0";
  await vm.command("qom-set", { path, property: polling, value: 2 });
  await vm.command("set_password", { protocol: "vnc", password: "secret" });
  const generation = await vm.command("query-vm-generation-id");
  assertEquals(
    [(await listed(vm))?.obstacle, (await listed(vm))?.qmp],
    [null, vm.files.qmp],
  );
  await until("the daemon has its monitor", PATIENCE_MS, () => connections > 0);

  await goesBackAndForth(vm, after.build);

  const argv = await argvOf(vm);
  assertEquals(argv.slice(argv.indexOf("-id"), argv.indexOf("-id") + 2), [
    ...["-id", "100"],
  ]);
  assertEquals(argv.includes("-loadstate"), false);
  assertEquals(
    await Deno.readTextFile(`${folder}/scripts`),
    // One of each of the two starts: no program that takes over runs it.
    `up ${files.tap}\n`.repeat(2),
  );
  assertEquals(await vm.command("query-vm-generation-id"), generation);
  assertEquals(await vm.command("qom-get", { path, property: polling }), 2);
  assertEquals(Number(await Deno.readTextFile(vm.files.pidfile)), vm.pid);
  await until("the daemon has it again", PATIENCE_MS, () => connections > 2);
  events.close();
  await daemon.catch(() => {});
});

/** Builds the rest of a VM as Incus does, then starts its guest. */
async function buildByMonitor(
  qmp: QmpClient,
  { folder, tap }: ManagerFiles,
): Promise<void> {
  const send = (execute: string, given: JsonObject, fd: Fd) =>
    qmp.execute(execute, given, { descriptors: [fd.number] });
  using queue = openTap(tap);
  using image = Fd.open(`${folder}/disk.raw`, O_RDWR);
  await qmp.execute("device_add", {
    ...{ driver: "max-x86_64-cpu", id: "cpu1" },
    ...{ "socket-id": 0, "core-id": 1, "thread-id": 0 },
  });
  await send("add-fd", { "fdset-id": 1, opaque: "rdwr:incus_data" }, image);
  await qmp.execute("blockdev-add", {
    ...{ driver: "file", "node-name": "incus_data" },
    ...{ filename: "/dev/fdset/1", aio: "threads", locking: "off" },
    ...{ cache: { direct: false, "no-flush": false }, discard: "unmap" },
  });
  await qmp.execute("device_add", {
    ...{ driver: "virtio-blk-pci", id: "dev-incus_data", serial: "incus_data" },
    ...{ drive: "incus_data", bus: "qemu_pcie0", addr: "00.0" },
  });
  await send("getfd", { fdname: "eth0.0" }, queue);
  await qmp.execute("netdev_add", {
    ...{ type: "tap", id: "incus_eth0", vhost: false, fds: "eth0.0" },
  });
  await qmp.execute("device_add", {
    ...{ driver: "virtio-net-pci", id: "dev-incus_eth0", netdev: "incus_eth0" },
    ...{ mac: "10:66:6a:01:02:03", bus: "qemu_pcie1", addr: "00.0" },
  });
  await qmp.execute("cont");
}

test("a VM of Incus, by a second monitor", async (files) => {
  const { folder } = files;
  const configure = (more: string) =>
    Deno.writeTextFile(
      `${folder}/qemu.conf`,
      `${incusConfig(folder)}\n${more}`,
    );
  await configure("");
  await using vm = await startPrepared(
    builds.old,
    incus(files),
    builds.new,
    ["memory-backends"],
    configure,
  );
  // Incus holds it for good.
  await using held = await QmpClient.connect({ path: incusMonitor(folder) }, {
    timeoutMs: PATIENCE_MS,
  });
  await buildByMonitor(held, files);
  await boots(vm);
  assertEquals((await listed(vm))?.obstacle, null);
  await goesBackAndForth(vm, builds.new);
});

test("a VM of Ganeti", async (files) => {
  const program = new URL(
    "../../testing/linux/programs/pass_taps.ts",
    import.meta.url,
  ).pathname;
  const { folder, tap } = files;
  const deno = [Deno.execPath(), "run", "--quiet", "--allow-all", program];
  const wrapper = `${folder}/kvm`;
  const { device, environment } = await makeVhost(folder);
  const words = [...deno, tap, `${GANETI.tap}`, "1", builds.old.binary];
  await Deno.writeTextFile(
    wrapper,
    `#!/bin/sh\nexec ${words.join(" ")} "$@" ${GANETI.vhost}<>${device}\n`,
    { mode: 0o755 },
  );
  await Deno.mkdir(`${folder}/ganeti`);
  await using vm = await startPrepared(
    { ...builds.old, binary: wrapper },
    ganeti(files, GANETI, environment),
    builds.new,
    ["memory-backends"],
    // The kernel takes it away some time after the process has ended.
    () =>
      until(
        "the tap interface is free",
        BOOT_MS,
        () => !exists(`/sys/class/net/${tap}`),
      ),
  );
  await boots(vm);
  const vhosts = () =>
    openDescriptors(vm.pid).filter(({ target }) => target === device)
      .map(({ number }) => number);
  assertEquals(vhosts(), [GANETI.vhost]);
  await goesBackAndForth(vm, builds.new, linux(new VhostNet(device)));
  const [vhost] = vhosts();
  const { tap: tapNumber } = GANETI;
  assertEquals(vhosts().length, 1);
  assert(
    (await argvOf(vm)).includes(
      `type=tap,id=nic-0,fd=${tapNumber},vhost=on,vhostfd=${vhost}`,
    ),
  );
}, canHaveVhost);

test("a VM of microvm.nix", async (files) => {
  await using vm = await startPrepared(
    builds.old,
    microvmNix(files),
    builds.new,
    ["memory-backends"],
  );
  await boots(vm);
  await goesBackAndForth(vm, builds.new);
});

test("a VM of quickemu, with a QMP monitor", async (files) => {
  await using vm = await startPrepared(
    builds.old,
    quickemu(files),
    builds.new,
    ["memory-backends"],
  );
  await boots(vm);
  await goesBackAndForth(vm, builds.new);
});
