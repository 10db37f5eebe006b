/** A "host" of the inventory with one embedded machine on it. */

import { QmpClient } from "../../../lib/qmp/mod.ts";
import { GuestRam, type Lab, type Vm } from "../../../testing/machine/mod.ts";

const MAIN = new URL("../../../main.ts", import.meta.url).pathname;
const TIMEOUT_MS = 20_000;

/** Whatever the lab would start, the machine's runtime is our file. */
const START = `until [ "$1" = machine ]; do shift; done
exec "$0" run --quiet --allow-all ${MAIN} "$@"`;

/** Two files with the same runtime in them: two versions of a program. */
export class Versions {
  readonly old: string;
  readonly new: string;

  constructor(lab: Lab) {
    this.old = lab.path("v1");
    this.new = lab.path("v2");
    for (const file of [this.old, this.new]) {
      Deno.copyFileSync(Deno.execPath(), file);
    }
  }
}

/** A host: its program at a path of its own, and a machine that runs it. */
export class Hypervisor {
  readonly program: string;
  readonly vm: Vm;
  readonly name: string;

  constructor(lab: Lab, versions: Versions, name: string) {
    this.name = name;
    this.program = lab.path(`${name}-program`);
    Deno.linkSync(versions.old, this.program);
    this.vm = lab.start({
      wrapper: ["/bin/sh", "-c", START, this.program],
      more: ["-name", `vm-${name}`],
    });
  }

  /** Its variables in the inventory. */
  get variables() {
    return { cprctl_qmp: [this.vm.qmpPath] };
  }

  /** Puts another program in the place of the one that runs, as packages do. */
  install(version: string): void {
    const draft = `${this.program}.draft`;
    Deno.linkSync(version, draft);
    Deno.renameSync(draft, this.program);
  }

  /** The same with a script. */
  installScript(text: string): void {
    const draft = `${this.program}.draft`;
    Deno.writeTextFileSync(draft, text, { mode: 0o755 });
    Deno.renameSync(draft, this.program);
  }

  /** Inode of the file that runs, and its process; the guest counts on. */
  async look(): Promise<{ pid: number; ino: number | null }> {
    await using qmp = await QmpClient.connectAgain(
      { path: this.vm.qmpPath },
      { timeoutMs: TIMEOUT_MS },
    );
    const pid = qmp.peer?.pid;
    if (pid === undefined) throw new Error("The monitor is no process's");
    using ram = new GuestRam(pid);
    await ram.ticked(3);
    return { pid, ino: inode(`/proc/${pid}/exe`) };
  }
}

/** Which file it is. */
export function inode(path: string): number | null {
  return Deno.statSync(path).ino;
}
