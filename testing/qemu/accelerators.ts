/** The accelerators of this machine. */

import type { QemuBuild } from "./builds/builds.ts";
import { type Accelerator, PLAIN } from "./machines.ts";
import { VirtualMachine } from "./virtual_machine.ts";

/**
 * TCG always; KVM where a machine really starts with it, for /dev/kvm can be
 * there and refuse. TCG is first: inside a virtual machine, firmware takes
 * several times as long under KVM.
 */
export async function accelerators(build: QemuBuild): Promise<Accelerator[]> {
  try {
    await using _machine = await VirtualMachine.start(build, PLAIN, "kvm");
    return ["tcg", "kvm"];
  } catch (error) {
    console.log(
      `Without KVM: ${error instanceof Error ? error.message.trim() : error}`,
    );
    return ["tcg"];
  }
}
