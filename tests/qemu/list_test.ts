import { assert, assertEquals } from "@std/assert";
import { describeVm } from "../../lib/update/host/list.ts";
import { findVmProcesses } from "../../lib/update/host/processes.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { PLAIN, VirtualMachine } from "../../testing/qemu/mod.ts";

const { old } = await qemuBuilds();
const TIMEOUT_MS = 20_000;

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
      qmp: vm.files.qmp,
      updatable: true,
      obstacle: null,
    },
  );
});
