/** A VM with a TPM: what QEMU would not preserve is told before the VM stops. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { isInstalled } from "../../testing/program/tool.ts";
import { PLAIN, VirtualMachine, Witness } from "../../testing/qemu/mod.ts";
import { Swtpm } from "../../testing/qemu/swtpm.ts";
import { move, moveAndReturn, tryToMove } from "./moved.ts";
import {
  assertNothingElse,
  assertRefuses,
  preflightOf,
} from "./preflight_of.ts";

const builds = await qemuBuilds();
const ignore = !await isInstalled("swtpm");

function bootWith(swtpm: Swtpm, device = "tpm-crb"): Promise<VirtualMachine> {
  const extra = [...swtpm.backend, "-device", `${device},tpmdev=tpm`];
  return VirtualMachine.boot(builds.old, { ...PLAIN, extra }, "tcg");
}

for (const device of ["tpm-crb", "tpm-tis"]) {
  Deno.test(
    `a VM with ${device} is preserved by update and rollback`,
    { ignore },
    async () => {
      await using swtpm = await Swtpm.start();
      await using vm = await bootWith(swtpm, device);
      assertNothingElse(await preflightOf(vm, builds.new.binary));
      const witness = await Witness.of(vm);
      const tpm = await vm.command("query-tpm");
      await moveAndReturn(vm, builds.new);
      await witness.assertLivesOn();
      await move(vm, builds.new);
      await move(vm, builds.old);
      await witness.assertLivesOn();
      assertEquals(await vm.command("query-tpm"), tpm);
    },
  );
}

/** Where a process has the TPM's page. */
async function addressOfPage(vm: VirtualMachine): Promise<bigint> {
  const blocks = await vm.command("human-monitor-command", {
    "command-line": "info ramblock",
  });
  const [, address] = /^\s*tpm-ppi .*(0x[0-9a-f]+)\s+rw/m
    .exec(String(blocks)) ?? [];
  assert(address !== undefined, String(blocks));
  return BigInt(address);
}

/** Leaves a request at the page's end, behind the guest's back. */
function leaveRequest({ pid }: VirtualMachine, page: bigint): void {
  using memory = Deno.openSync(`/proc/${pid}/mem`, { write: true });
  memory.seekSync(page + 1023n, Deno.SeekMode.Start);
  memory.writeSync(Uint8Array.of(1));
}

Deno.test(
  "a request to the TPM is told before the VM is stopped",
  { ignore },
  async () => {
    await using swtpm = await Swtpm.start();
    await using vm = await bootWith(swtpm);
    leaveRequest(vm, await addressOfPage(vm));
    const checks = await preflightOf(vm, builds.new.binary);
    assertRefuses(checks, "tpm-page", "physical presence");
    assertNothingElse(checks, "tpm-page");
  },
);

Deno.test(
  "a request to the TPM after the checks ends the update",
  { ignore },
  async () => {
    await using swtpm = await Swtpm.start();
    await using vm = await bootWith(swtpm);
    const witness = await Witness.of(vm);
    const page = await addressOfPage(vm);
    const report = await tryToMove(vm, builds.new, (phase) => {
      if (phase === "migrate") leaveRequest(vm, page);
    });
    assertEquals(report.outcome, "rolled-back");
    assertMatch(
      report.error?.message ?? "",
      /"tpm-ppi" would not be preserved/,
    );
    await witness.assertLivesOn();
  },
);

Deno.test(
  "a TPM that ends with its connection is refused",
  { ignore },
  async () => {
    for (const words of [["--terminate"], ["-t"]]) {
      await using swtpm = await Swtpm.start(...words);
      await using vm = await bootWith(swtpm);
      const checks = await preflightOf(vm, builds.new.binary);
      assertRefuses(checks, "tpm-server", `process ${swtpm.pid}`);
      assertNothingElse(checks, "tpm-server");
    }
  },
);
