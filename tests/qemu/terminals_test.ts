/** Pseudo-terminals of a VM do not pile up, and keep their names. */

import { assertEquals, assertMatch } from "@std/assert";
import { isObject } from "../../lib/qmp/mod.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { Base } from "../../testing/program/base.ts";
import { updateHere } from "../../testing/update/cprctl.ts";
import { openDescriptors } from "../../testing/program/descriptors.ts";
import { PLAIN, VirtualMachine, Witness } from "../../testing/qemu/mod.ts";
import { move, moveAndReturn } from "./moved.ts";
import { assertRefuses, preflightOf } from "./preflight_of.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 30_000;
const MOVES = 5;

function boot(...extra: string[]): Promise<VirtualMachine> {
  return VirtualMachine.boot(builds.old, { ...PLAIN, extra }, "tcg");
}

/** Where a VM's terminals are, by the labels of their devices. */
async function terminalsOf(vm: VirtualMachine): Promise<string[]> {
  const chardevs = await vm.command("query-chardev");
  return (Array.isArray(chardevs) ? chardevs : []).filter(isObject)
    .map(({ label, filename }) => `${label} ${filename}`)
    .filter((it) => it.includes(" pty:")).sort();
}

/** What is open but for what comes and goes with a client of the monitor. */
function open(vm: VirtualMachine): string[] {
  return openDescriptors(vm.pid).map(({ target }) => target)
    .filter((it) => !/^(socket|pipe|anon_inode):/.test(it)).sort();
}

function masters(vm: VirtualMachine): string[] {
  return open(vm).filter((target) => target.endsWith("/ptmx"));
}

Deno.test("terminals do not leak, and a changed name is reported", async () => {
  await using _base = await Base.make();
  await using vm = await boot(
    ...["-serial", "pty", "-chardev", "pty,id=named"],
    ...["-serial", "chardev:named"],
  );
  const witness = await Witness.of(vm);
  let terminals = await terminalsOf(vm);
  assertEquals(terminals.length, 2);
  // Others on this host may have taken a number, or left a lower one.
  const assertSaid = async (warnings: readonly string[]) => {
    const now = await terminalsOf(vm);
    const others = now.filter((it) => !terminals.includes(it));
    assertEquals(warnings.length, others.length, warnings.join("\n"));
    terminals = now;
  };
  const before = open(vm);
  for (let time = 0; time < MOVES; time++) {
    const { warnings } = await move(vm, time % 2 ? builds.old : builds.new);
    await assertSaid(warnings);
    assertEquals(masters(vm).length, 2);
    assertEquals(open(vm), before);
  }
  const { warnings } = await moveAndReturn(vm, builds.old);
  await assertSaid(warnings);
  assertEquals(masters(vm).length, 2);
  await witness.assertLivesOn();
});

Deno.test("a terminal whose number is in use gets another, which is reported", async () => {
  await using _base = await Base.make();
  await using vm = await boot("-serial", "pty");
  const [, path = ""] = / pty:(.*)$/.exec((await terminalsOf(vm))[0] ?? "") ??
    [];
  using _reader = await Deno.open(path);
  const { warnings } = await move(vm, builds.new);
  assertMatch(
    warnings.join("\n"),
    /^The terminal of character device "serial0" is now ".*"; it was ".*"$/,
  );
  assertEquals(masters(vm).length, 1);
});

Deno.test("a terminal is opened again when the exec fails", async () => {
  await using _base = await Base.make();
  await using vm = await boot("-serial", "pty");
  const terminals = await terminalsOf(vm);
  const binary = `${vm.folder}/qemu-new`;
  await Deno.symlink(builds.new.binary, binary);
  const order = { qmp: vm.files.qmp, binary, timeoutMs: TIMEOUT_MS };
  const { report, said } = await updateHere(order, async (phase) => {
    if (phase === "switchover") await Deno.remove(binary);
  });
  assertEquals(report?.outcome, "rolled-back", said);
  assertEquals(report?.pid_after, vm.pid);
  const same = terminals.join() === (await terminalsOf(vm)).join();
  assertEquals(report?.warnings.length, same ? 0 : 1);
  assertEquals(masters(vm).length, 1);
});

Deno.test("a link to a terminal is refused", async () => {
  for (const words of [["-chardev", "pty,id=x,path=x"], ["-serial", "pty:x"]]) {
    await using vm = await boot(...words);
    const checks = await preflightOf(vm, builds.new.binary);
    assertRefuses(checks, "terminals", '"x"');
  }
});
