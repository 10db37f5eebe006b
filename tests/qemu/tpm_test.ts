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

/** Memory that is allocated is not zeros, as it may be for any program. */
const FILLED_MEMORY = { GLIBC_TUNABLES: "glibc.malloc.perturb=165" };

function bootWith(swtpm: Swtpm, device = "tpm-crb"): Promise<VirtualMachine> {
  const extra = [...swtpm.backend, "-device", `${device},tpmdev=tpm`];
  const machine = { ...PLAIN, extra, environment: FILLED_MEMORY };
  return VirtualMachine.boot(builds.old, machine, "tcg");
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
      const page = await addressOfPage(vm);
      leaveRequest(vm, await hostAddress(vm, page));
      const contents = await readPage(vm, page);
      assertMatch(contents, /5a01\s*$/);
      await moveAndReturn(vm, builds.new);
      assertEquals(await readPage(vm, page), contents);
      await witness.assertLivesOn();
      await move(vm, builds.new);
      assertEquals(await readPage(vm, page), contents);
      await move(vm, builds.old);
      assertEquals(await readPage(vm, page), contents);
      await witness.assertLivesOn();
      assertEquals(await vm.command("query-tpm"), tpm);
    },
  );
}

Deno.test(
  "a request to the TPM after the checks is preserved",
  { ignore },
  async () => {
    await using swtpm = await Swtpm.start();
    await using vm = await bootWith(swtpm);
    const page = await addressOfPage(vm);
    const place = await hostAddress(vm, page);
    const report = await tryToMove(vm, builds.new, {
      observer(phase) {
        if (phase === "migrate") leaveRequest(vm, place);
      },
    });
    assertEquals(report.outcome, "updated", report.error?.message);
    assertMatch(await readPage(vm, page), /5a01\s*$/);
  },
);

async function ask(vm: VirtualMachine, line: string): Promise<string> {
  return String(
    await vm.command("human-monitor-command", { "command-line": line }),
  );
}

/** Where the guest has the page. */
async function addressOfPage(vm: VirtualMachine): Promise<string> {
  const [, address] = /\n\s*([0-9a-f]{16})-.*: tpm-ppi/
    .exec(await ask(vm, "info mtree -f")) ?? [];
  assert(address !== undefined);
  return `0x${address}`;
}

async function hostAddress(vm: VirtualMachine, page: string): Promise<bigint> {
  const [, address] = / is (0x[0-9a-f]+)/
    .exec(await ask(vm, `gpa2hva ${page}`)) ?? [];
  assert(address !== undefined);
  return BigInt(address);
}

/** The page as the monitor shows it: 256 words. */
async function readPage(vm: VirtualMachine, page: string): Promise<string> {
  return await ask(vm, `xp /256xw ${page}`);
}

/** Leaves a request in the page's last word, behind the guest's back. */
function leaveRequest({ pid }: VirtualMachine, place: bigint): void {
  using memory = Deno.openSync(`/proc/${pid}/mem`, { write: true });
  memory.seekSync(place + 1020n, Deno.SeekMode.Start);
  memory.writeSync(Uint8Array.of(1));
}

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
