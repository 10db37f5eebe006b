/**
 * A QEMU with two options of a distribution's own, as Proxmox's has them:
 * `-id N`, which names the VM, and `-loadstate FILE`. They are options that
 * QEMU has for other things, by another name, in the program and in its help;
 * what they do is of no use to any VM of the suite.
 *
 * @module
 */

import type { QemuBuild } from "./builds/builds.ts";
import { MovableQemu } from "./movable_qemu.ts";

/** Each is in the program once; what is shorter is filled up. */
const PATCHES = [
  ["echr\0", "id\0\0\0"],
  ["\0xen-domid\0", "\0loadstate\0"],
  ["-echr chr       ", "-id n           "],
  ["-xen-domid id   ", "-loadstate file "],
] as const;

/** Makes one of a build. */
export function patchedQemu(build: QemuBuild): MovableQemu {
  const qemu = new MovableQemu(build);
  const { binary } = qemu.build;
  const draft = `${binary}.draft`;
  Deno.writeFileSync(draft, patched(Deno.readFileSync(binary)), {
    mode: 0o755,
  });
  Deno.renameSync(draft, binary);
  return qemu;
}

function patched(program: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  // One character for each byte, so that offsets are those of the file.
  const text = new TextDecoder("latin1").decode(program);
  for (const [from, to] of PATCHES) {
    const at = text.indexOf(from);
    if (at < 0 || at !== text.lastIndexOf(from)) {
      throw new Error(`"${from}" is not in QEMU once`);
    }
    program.set(new TextEncoder().encode(to), at);
  }
  return program;
}
