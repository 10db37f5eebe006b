import { assert, assertEquals, assertRejects } from "@std/assert";
import { QmpClient } from "../../lib/qmp/mod.ts";
import { RefusedError } from "../../lib/update/error.ts";
import { LINUX } from "../../lib/update/linux.ts";
import { describeVm } from "../../lib/update/host/list.ts";
import { findVmProcesses } from "../../lib/update/host/processes.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { PLAIN, VirtualMachine } from "../../testing/qemu/mod.ts";

const { old } = await qemuBuilds();
const TIMEOUT_MS = 20_000;
const SOON_MS = 500;

Deno.test("a QEMU is listed with what its monitor says", async () => {
  const machine = {
    ...PLAIN,
    extra: ["-name", "guest=guest0,debug-threads=on"],
  };
  await using vm = await VirtualMachine.start(old, machine, "tcg");
  await vm.command("stop");
  const { found } = await findVmProcesses();
  const process = found.find(({ pid }) => pid === vm.pid);
  assert(process !== undefined);
  assertEquals(
    await describeVm(process, { asksMonitors: true, timeoutMs: TIMEOUT_MS }),
    {
      pid: vm.pid,
      name: "guest0",
      program: "QEMU",
      version: old.version,
      status: "paused",
      binary: old.binary,
      binary_state: "same",
      replaced_libraries: [],
      due: false,
      qmp: vm.files.qmp,
      domain: null,
      updatable: true,
      obstacle: null,
      obstacle_code: null,
    },
  );
});

Deno.test("a libvirt VM is named as such, its monitor held or not", async () => {
  const machine = { ...PLAIN, extra: ["-chardev", "null,id=charmonitor"] };
  await using vm = await VirtualMachine.start(old, machine, "tcg");
  const path = vm.files.qmp;
  const { found } = await findVmProcesses();
  const process = found.find(({ pid }) => pid === vm.pid);
  assert(process !== undefined);
  const listed = await describeVm(process, { asksMonitors: false });
  assert(typeof listed === "object");
  assertEquals(listed.obstacle_code, "libvirt");
  await using _libvirt = await QmpClient.connect({ path }, {
    timeoutMs: TIMEOUT_MS,
  });
  const { code } = await assertRejects(
    () => LINUX.connect({ path }, { timeoutMs: SOON_MS }),
    RefusedError,
  );
  assertEquals(code, "libvirt");
});
