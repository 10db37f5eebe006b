/** Where a fault is injected: a VM, an update of it, and what is lying around. */

import { baseDirectory } from "../../lib/update/run/directory.ts";
import { type QemuBuilds, toolOf } from "../qemu/builds/builds.ts";
import type { VirtualMachine } from "../qemu/mod.ts";
import { Stranger } from "../program/stranger.ts";
import { until } from "../program/until.ts";
import type { Cprctl } from "./cprctl.ts";

const UNMOUNT_TIMEOUT_MS = 20_000;

/** Everything that a fault may touch. */
export class Fixture implements AsyncDisposable {
  readonly vm: VirtualMachine;
  readonly builds: QemuBuilds;
  /** Path of the new program, as the update is given it. */
  readonly binary: string;
  /** The update, where it runs apart. */
  cprctl: Cprctl | undefined;
  readonly #cleanup = new AsyncDisposableStack();
  readonly #strangers = new Set<Stranger>();

  constructor(vm: VirtualMachine, builds: QemuBuilds) {
    this.vm = vm;
    this.builds = builds;
    this.binary = `${vm.folder}/qemu-new`;
    Deno.symlinkSync(builds.new.binary, this.binary);
  }

  /** Puts another file in the place of the new program. */
  replaceBinary(contents: string | Uint8Array, mode = 0o755): void {
    const draft = `${this.binary}.draft`;
    const bytes = typeof contents === "string"
      ? new TextEncoder().encode(contents)
      : contents;
    Deno.writeFileSync(draft, bytes, { mode });
    Deno.chmodSync(draft, mode);
    Deno.renameSync(draft, this.binary);
  }

  /** The state file of the update under way. */
  async stateFile(): Promise<string> {
    const [directory] = await runDirectories(this.vm.pid);
    if (directory === undefined) throw new Error("There is no run directory");
    return `${directory}/state/vm.state`;
  }

  /** A tool of the new build. */
  tool(name: string): string {
    return toolOf(this.builds.new, name);
  }

  /** Keeps something until the VM has been looked at. */
  use<T extends AsyncDisposable>(resource: T): T {
    return this.#cleanup.use(resource);
  }

  /** Starts somebody else, who is gone with the fixture at the latest. */
  stranger(argv: readonly string[]): Stranger {
    const stranger = this.use(new Stranger(argv));
    this.#strangers.add(stranger);
    return stranger;
  }

  /** Mounts a small file system on a folder, until the fixture is over. */
  async mountTmpfs(folder: string, size: string): Promise<void> {
    await runTool("mount", "-t", "tmpfs", "-o", `size=${size}`, "none", folder);
    this.#cleanup.defer(() => unmount(folder));
  }

  /** Ends everybody else. */
  async strangersLeave(): Promise<void> {
    for (const stranger of this.#strangers) await stranger.leave();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup[Symbol.asyncDispose]();
  }
}

/** Whoever looks around on the host may be inside for a moment. */
async function unmount(folder: string): Promise<void> {
  let why: unknown;
  const isDone = () =>
    runTool("umount", folder).then(() => true, (error) => {
      why = error;
      return false;
    });
  await until(`"${folder}" is unmounted`, UNMOUNT_TIMEOUT_MS, isDone)
    .catch((error) => {
      throw new Error(`Cannot unmount "${folder}"`, { cause: why ?? error });
    });
}

async function runTool(program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args })
    .output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
}

/** What updates of a process keep, or left, on the host. */
export async function runDirectories(pid: number): Promise<string[]> {
  const base = await baseDirectory();
  return [...Deno.readDirSync(base)]
    .filter(({ name }) => name.startsWith(`${pid}-`))
    .map(({ name }) => `${base}/${name}`);
}
