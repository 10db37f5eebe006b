/** A VM in a memory control group of its own, with little room left. */

import { ifThereSync } from "../../lib/gone.ts";
import { cgroupMounts, folderOf } from "../../lib/proc/cgroup.ts";
import type { QemuBuild } from "./builds/builds.ts";
import { PLAIN, until, VirtualMachine } from "./mod.ts";

/** What a hierarchy calls the limit and the use. */
export interface MemoryHierarchy {
  readonly parent: string;
  readonly limit: string;
  readonly usage: string;
}

/** Where groups with a limit can be made; undefined where they cannot. */
export function memoryHierarchy(): MemoryHierarchy | undefined {
  if (Deno.uid() !== 0) return undefined;
  const mounts = cgroupMounts(Deno.readTextFileSync("/proc/self/mountinfo"));
  const version1 = folderOf(mounts, "memory", "/");
  if (version1 !== undefined) {
    const [limit, usage] = ["memory.limit_in_bytes", "memory.usage_in_bytes"];
    return { parent: version1, limit, usage };
  }
  const version2 = folderOf(mounts, "", "/");
  if (version2 === undefined) return undefined;
  const control = `${version2}/cgroup.subtree_control`;
  const controllers = ifThereSync(() => Deno.readTextFileSync(control));
  if (!controllers?.includes("memory")) return undefined;
  return { parent: version2, limit: "memory.max", usage: "memory.current" };
}

const PLACE = memoryHierarchy();
const TIMEOUT_MS = 20_000;

/** The group and the VM in it. */
export class TightGroup implements AsyncDisposable {
  /** Whether there can be one on this host. */
  static readonly isPossible = PLACE !== undefined;

  private constructor(
    readonly vm: VirtualMachine,
    readonly folder: string,
    readonly names: MemoryHierarchy,
  ) {}

  /** Boots the VM; the group has no limit yet. */
  static async boot({ binary, ...build }: QemuBuild): Promise<TightGroup> {
    if (PLACE === undefined) throw new Error("No memory control groups here");
    const folder = await Deno.makeTempDir({
      dir: PLACE.parent,
      prefix: "cprctl-test-",
    });
    const wrapper = await Deno.makeTempFile({ prefix: "cprctl-wrapper-" });
    await Deno.writeTextFile(
      wrapper,
      `#!/bin/sh\necho $$ >${folder}/cgroup.procs && exec ${binary} "$@"\n`,
    );
    await Deno.chmod(wrapper, 0o755);
    try {
      const vm = await VirtualMachine.boot(
        { ...build, binary: wrapper },
        PLAIN,
        "tcg",
      );
      return new TightGroup(vm, folder, PLACE);
    } catch (error) {
      await Deno.remove(folder);
      throw error;
    } finally {
      await Deno.remove(wrapper);
    }
  }

  /** Limits the group to what it uses now and this many bytes more. */
  async leaveRoom(bytes: number): Promise<void> {
    const used = Number(await this.#read(this.names.usage));
    await Deno.writeTextFile(
      `${this.folder}/${this.names.limit}`,
      `${used + bytes}`,
      { create: false },
    );
  }

  async #read(name: string): Promise<string> {
    return (await Deno.readTextFile(`${this.folder}/${name}`)).trim();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.vm[Symbol.asyncDispose]();
    await until("the group is empty", TIMEOUT_MS, async () => {
      try {
        await Deno.remove(this.folder);
        return true;
      } catch (error) {
        // Its processes have not been waited for yet.
        if (error instanceof Deno.errors.NotFound) return true;
        if (error instanceof Error) return false;
        throw error;
      }
    });
  }
}
