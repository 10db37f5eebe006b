/** How an embedded machine is listed. */

import { assert, assertEquals } from "@std/assert";
import {
  describeVm,
  type ListedVm,
  type ListRequest,
} from "../../../lib/update/host/list.ts";
import { findVmProcesses } from "../../../lib/update/host/processes.ts";
import { VmLock } from "../../../lib/update/run/lock.ts";
import { VERSION } from "../../../lib/version.ts";
import { DEADLINE_MS, Lab } from "../../../testing/machine/mod.ts";

const SOON_MS = 100;
const ASK: ListRequest = { asksMonitors: true, timeoutMs: DEADLINE_MS };
const ASK_NOBODY: ListRequest = { asksMonitors: false };

/** As the list has it; other VMs of the host are not asked. */
async function listed(
  pid: number,
  request: ListRequest,
): Promise<ListedVm> {
  const { found } = await findVmProcesses();
  const process = found.find((it) => it.pid === pid);
  assert(process !== undefined, "not found among the processes");
  const vm = await describeVm(process, request);
  assert(typeof vm === "object", `${vm}`);
  return vm;
}

Deno.test("a machine is listed with what its monitor says", async () => {
  await using lab = await Lab.open();
  const vm = lab.start({ more: ["-name", "guest0"] });
  await (await vm.connect()).close();
  const { binary: _binary, ...found } = await listed(vm.pid, ASK);
  assertEquals(found, {
    pid: vm.pid,
    name: "guest0",
    program: "cprctl",
    version: VERSION,
    status: "running",
    binary_state: "same",
    replaced_libraries: [],
    due: false,
    qmp: vm.qmpPath,
    domain: null,
    updatable: true,
    obstacle: null,
    obstacle_code: null,
  });
});

Deno.test("a machine whose monitor is held is listed with the reason", async () => {
  await using lab = await Lab.open();
  const vm = lab.start({ more: ["-name", "guest0"] });
  await using _client = await vm.connect();
  const found = await listed(vm.pid, { ...ASK, timeoutMs: SOON_MS });
  assertEquals(found.obstacle, "another client is connected to its monitor");
  assertEquals([found.name, found.status, found.updatable], [
    "guest0",
    null,
    false,
  ]);
  assertEquals(
    (await listed(vm.pid, ASK_NOBODY)).obstacle,
    null,
    "nobody was asked",
  );
});

Deno.test("a machine that is worked on is not asked", async () => {
  await using lab = await Lab.open();
  const vm = lab.start();
  await (await vm.connect()).close();
  using _lock = await VmLock.take(vm.pid);
  const found = await listed(vm.pid, ASK);
  assertEquals(found.status, null);
  assertEquals(
    found.obstacle,
    "another cprctl is updating it, or was killed while doing so: run " +
      "cprctl recover",
  );
});
