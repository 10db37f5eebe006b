/** Starts a machine, says which, and waits to be killed; for harness_test.ts. */

import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { PLAIN, VirtualMachine } from "../../testing/qemu/mod.ts";

const { old } = await qemuBuilds();
const vm = await VirtualMachine.start(old, PLAIN, "tcg");
console.log(JSON.stringify({ pid: vm.pid, folder: vm.folder }));
setInterval(() => {}, 60_000);
