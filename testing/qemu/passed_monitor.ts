/**
 * A monitor on a listening socket that QEMU is given by its number, as a socket
 * unit of systemd or libvirt does it. The socket outlives each QEMU, and tells
 * of its peer who was the last to listen on it.
 */

import type { QemuBuild } from "./builds/builds.ts";
import { PLAIN, VirtualMachine } from "./mod.ts";

/** Out of the way of what is open in a program that is started. */
const NUMBER = 77;
const PROGRAM =
  new URL("./programs/pass_listener.ts", import.meta.url).pathname;

const ARGUMENTS = [
  "-chardev",
  `socket,id=passed,fd=${NUMBER},server=on,wait=off`,
  "-mon",
  "chardev=passed,mode=control",
];

/** A VM with such a monitor beside its own. */
export class PassedMonitor implements AsyncDisposable {
  private constructor(
    /** Path of the passed socket. */
    readonly qmp: string,
    readonly vm: VirtualMachine,
    readonly folder: string,
  ) {}

  /** Boots the VM. */
  static async boot({ binary, ...build }: QemuBuild): Promise<PassedMonitor> {
    const folder = await Deno.makeTempDir({ prefix: "cprctl-passed-" });
    const qmp = `${folder}/qmp.sock`;
    const words = [Deno.execPath(), "run", "--quiet", "--allow-all", PROGRAM];
    const wrapper = `${folder}/wrapper`;
    await Deno.writeTextFile(
      wrapper,
      `#!/bin/sh\nexec ${words.join(" ")} ${NUMBER} ${qmp} ${binary} "$@"\n`,
      { mode: 0o755 },
    );
    try {
      const vm = await VirtualMachine.boot(
        { ...build, binary: wrapper },
        { ...PLAIN, extra: ARGUMENTS },
        "tcg",
      );
      return new PassedMonitor(qmp, vm, folder);
    } catch (error) {
      await Deno.remove(folder, { recursive: true });
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.vm[Symbol.asyncDispose]();
    await Deno.remove(this.folder, { recursive: true });
  }
}
