/** A QEMU in a folder of its own, which can be upgraded under a running VM. */

import type { QemuBuild } from "./builds/builds.ts";

const LIBRARIES = "lib/x86_64-linux-gnu";
const MODULES = `${LIBRARIES}/qemu`;

/** Program and modules are copies; all else is the build's own. */
export class MovableQemu implements AsyncDisposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "cprctl-qemu-" });
  readonly build: QemuBuild;
  /** Where this QEMU looks for its modules. */
  readonly modules = `${this.folder}/usr/${MODULES}`;

  constructor(build: QemuBuild) {
    const usr = `${this.folder}/usr`;
    const original = usrOf(build);
    this.build = { ...build, binary: `${usr}/bin/qemu-system-x86_64` };
    Deno.chmodSync(this.folder, 0o755);
    Deno.mkdirSync(`${usr}/bin/qemu-bundle`, { recursive: true });
    Deno.symlinkSync("../..", `${usr}/bin/qemu-bundle/usr`);
    Deno.mkdirSync(this.modules, { recursive: true });
    for (const name of ["lib64", "share"]) {
      Deno.symlinkSync(`${original}/${name}`, `${usr}/${name}`);
    }
    for (const { name } of Deno.readDirSync(`${original}/${LIBRARIES}`)) {
      if (name === "qemu") continue;
      const path = `${LIBRARIES}/${name}`;
      Deno.symlinkSync(`${original}/${path}`, `${usr}/${path}`);
    }
    this.upgrade(build);
  }

  /**
   * Replaces program and modules as dpkg does: a new file, then a rename. The
   * program that is there then does not run: a build's C library stays its own.
   */
  upgrade(build: QemuBuild): void {
    this.replace(this.build.binary, build.binary);
    this.replaceModules(build);
  }

  /** The same of the modules alone. */
  replaceModules(build: QemuBuild): void {
    const from = `${usrOf(build)}/${MODULES}`;
    for (const { name } of Deno.readDirSync(from)) {
      this.replace(`${this.modules}/${name}`, `${from}/${name}`);
    }
  }

  /** Takes a library away, as an upgrade of its package to another one may. */
  removeLibrary(name: RegExp): void {
    const folder = `${this.folder}/usr/${LIBRARIES}`;
    for (const entry of [...Deno.readDirSync(folder)]) {
      if (name.test(entry.name)) Deno.removeSync(`${folder}/${entry.name}`);
    }
  }

  /** Puts a copy of a file in the place of another. */
  replace(path: string, original: string): void {
    Deno.copyFileSync(original, `${path}.dpkg-new`);
    Deno.renameSync(`${path}.dpkg-new`, path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

function usrOf({ binary }: QemuBuild): string {
  return binary.replace(/\/bin\/[^/]+$/, "");
}
