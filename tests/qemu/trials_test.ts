/** Both programs are tried before the VM is touched. */

import { assertEquals, assertMatch } from "@std/assert";
import { check } from "../../lib/update/update.ts";
import type { Check } from "../../lib/update/preflight/check.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { cprctlWords } from "../../testing/program/program.ts";
import { withRunDirectory } from "../update/run_base.ts";
import { MovableQemu } from "../../testing/qemu/movable_qemu.ts";
import { type Machine, PLAIN, VirtualMachine } from "../../testing/qemu/mod.ts";

const builds = await qemuBuilds();

const MACHINE: Machine = {
  ...PLAIN,
  extra: [
    ...["-device", "virtio-vga", "-overcommit", "cpu-pm=off"],
    ...["-netdev", "user,id=net,ipv6=off"],
    ...["-device", "virtio-net-pci,netdev=net,disable-legacy=on"],
  ],
  ...Deno.uid() === 0 ? { user: 1000 } : {},
};

/** The findings of the checks that refuse, by id. */
async function refusals(
  vm: VirtualMachine,
  binary: string,
): Promise<Record<string, string>> {
  await using run = await withRunDirectory();
  await Deno.chmod(run.path, 0o711); // as the real one
  const { checks } = await check({
    ...{ address: { path: vm.files.qmp }, binary, self: cprctlWords() },
  });
  assertEquals([...Deno.readDirSync(run.path)], [], "The check left files");
  return Object.fromEntries(
    checks.filter(({ verdict }: Check) => verdict === "refuse")
      .map(({ id, detail }) => [id, detail]),
  );
}

/** The new QEMU, started by a script. */
function scripted(vm: VirtualMachine, script: string): string {
  const path = `${vm.folder}/${crypto.randomUUID()}`;
  const text = `#!/bin/sh\n${script}\nexec "${builds.new.binary}" "$@"\n`;
  Deno.writeTextFileSync(path, text, { mode: 0o755 });
  return path;
}

/** Has it print other words when it is asked what it knows. */
function forgetting(name: string): string {
  return `case " $* " in *" -qmp stdio "*)
  "${builds.new.binary}" "$@" | sed 's/"name": "${name}"/"name": "gone"/g'
  exit;;
esac`;
}

Deno.test("a VM whose programs both start is not refused", async () => {
  await using vm = await VirtualMachine.start(builds.old, MACHINE, "tcg");
  assertEquals(await refusals(vm, builds.new.binary), {});
});

Deno.test("an option that the new program lacks is found before the VM is touched", async () => {
  await using vm = await VirtualMachine.start(builds.old, MACHINE, "tcg");
  const rejecting = scripted(
    vm,
    `case " $* " in *" -overcommit "*)
  echo "qemu: -overcommit: invalid option" >&2
  exit 1;;
esac`,
  );
  const found = await refusals(vm, rejecting);
  assertEquals(Object.keys(found), ["new-options"]);
  assertMatch(
    found["new-options"] ?? "",
    /: qemu: -overcommit: invalid option$/,
  );

  for (
    const [name, words] of [
      ["disable-legacy", '"disable-legacy" of -device "virtio-net-pci"'],
      ["ipv6", '"ipv6" of -netdev "user"'],
      ["aux-ram-share", '"aux-ram-share" of -machine'],
    ] as const
  ) {
    assertEquals(await refusals(vm, scripted(vm, forgetting(name))), {
      "new-options": `The new program does not know ${words}`,
    });
  }
});

Deno.test("a VM whose old program would not find its modules is refused", async () => {
  await using qemu = new MovableQemu(builds.old);
  await using vm = await VirtualMachine.start(qemu.build, MACHINE, "tcg");
  // The files that are mapped have a path still, where the program does not look.
  Deno.renameSync(qemu.modules, `${qemu.modules}-before`);
  Deno.mkdirSync(qemu.modules);
  qemu.upgrade(builds.new);
  const found = await refusals(vm, builds.new.binary);
  assertEquals(Object.keys(found), ["way-back"]);
  assertMatch(
    found["way-back"] ?? "",
    /old program (no longer knows|does not start again).*(virtio|module)/,
  );
});

Deno.test("a VM whose old program lacks a library is refused", async () => {
  await using qemu = new MovableQemu(builds.old);
  await using vm = await VirtualMachine.start(qemu.build, MACHINE, "tcg");
  qemu.removeLibrary(/^libfdt\.so/);
  const found = await refusals(vm, builds.new.binary);
  assertEquals(Object.keys(found), ["way-back"]);
  assertMatch(
    found["way-back"] ?? "",
    /^The old program does not start again: .*libfdt\.so\.1: cannot open/,
  );
});

Deno.test("a VM with modules in its own folder is not refused", async () => {
  await using qemu = new MovableQemu(builds.old);
  await using next = new MovableQemu(builds.new);
  // It knows no other modules than those of the VM's environment.
  await Deno.remove(next.modules, { recursive: true });
  const wrapper = `${qemu.folder}/wrapper`;
  const script = `#!/bin/sh
export QEMU_MODULE_DIR="${qemu.modules}"
exec "${builds.old.binary}" "$@"
`;
  await Deno.writeTextFile(wrapper, script, { mode: 0o755 });
  await using vm = await VirtualMachine.start(
    { ...builds.old, binary: wrapper },
    MACHINE,
    "tcg",
  );
  qemu.replaceModules(builds.new);
  assertEquals(await refusals(vm, next.build.binary), {});
});
