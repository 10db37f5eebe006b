import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { accelerators, PLAIN, VirtualMachine } from "../../testing/qemu/mod.ts";
import {
  assertNothingElse,
  assertRefuses,
  preflightOf,
} from "./preflight_of.ts";

const builds = await qemuBuilds();
const NOBODY = 65_534;
const KVM = "/dev/kvm";

Deno.test({
  name: "a file that a VM without root cannot reopen is refused",
  ignore: Deno.uid() !== 0, // only root can become another user
  async fn() {
    await using vm = await VirtualMachine.start(builds.old, {
      ...PLAIN,
      extra: [
        ...["-run-with", `user=${NOBODY}:${NOBODY}`],
        ...["-serial", "file:serial.log", "-pidfile", "pidfile"],
      ],
    }, "tcg");
    const check = () => preflightOf(vm, builds.new.binary);
    const { disk, qmp } = vm.files;
    const opened = [disk, `${vm.folder}/serial.log`, `${vm.folder}/pidfile`];

    assertRefuses(await check(), "reopening", ...opened, qmp);
    await Deno.chown(vm.folder, NOBODY, NOBODY);
    assertRefuses(await check(), "reopening", ...opened);
    for (const path of opened) await Deno.chown(path, 0, NOBODY);
    for (const path of opened) await Deno.chmod(path, 0o640);
    assertRefuses(await check(), "reopening", ...opened);
    for (const path of opened) await Deno.chmod(path, 0o660);
    assertNothingElse(await check());
    await Deno.chmod(disk, 0o606); // the group's bits count for a member
    assertRefuses(await check(), "reopening", disk);
  },
});

const withKvm = (await accelerators(builds.old)).includes("kvm");
const { mode } = withKvm ? await Deno.stat(KVM) : { mode: null };

Deno.test({
  name: "a VM that cannot reopen /dev/kvm is refused",
  // Elsewhere everybody may use it.
  ignore: Deno.uid() !== 0 || mode === null || (mode & 0o006) !== 0,
  async fn() {
    await using vm = await VirtualMachine.start(builds.old, {
      ...PLAIN,
      extra: ["-run-with", `user=${NOBODY}:${NOBODY}`],
    }, "kvm");
    for (const path of [vm.folder, vm.files.disk]) {
      await Deno.chown(path, NOBODY, NOBODY);
    }
    assertRefuses(
      await preflightOf(vm, builds.new.binary),
      "reopening",
      KVM,
    );
  },
});

Deno.test("a VM that kept its user can reopen everything", async () => {
  await using vm = await VirtualMachine.start(builds.old, PLAIN, "tcg");
  await Deno.chmod(vm.files.disk, 0);
  assertNothingElse(await preflightOf(vm, builds.new.binary));
});
