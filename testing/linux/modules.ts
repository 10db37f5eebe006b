/**
 * Kernel modules of an unpacked kernel package, in the order in which they are
 * to be loaded.
 *
 * A package has no modules.dep: that is made where it is installed. Each module
 * names what it needs itself, in its section .modinfo, as "depends=a,b".
 *
 * @module
 */

import { run } from "../qemu/builds/child.ts";

/** A module, ready for insmod. */
export interface KernelModule {
  readonly name: string;
  readonly bytes: Uint8Array;
}

const STEP_TIMEOUT_MS = 60_000;

/**
 * Modules with all that they need, those needed first. Names that the kernel
 * has built in are passed over.
 *
 * @param folder of the modules, such as "…/lib/modules/6.12.0-cloud-amd64"
 */
export async function kernelModules(
  folder: string,
  wanted: readonly string[],
): Promise<KernelModule[]> {
  const files = await moduleFiles(folder);
  const found = new Map<string, KernelModule>();
  const add = async (name: string): Promise<void> => {
    const path = files.get(name);
    if (path === undefined || found.has(name)) return;
    const bytes = await readModule(path);
    for (const needed of dependenciesOf(bytes)) await add(needed);
    found.set(name, { name, bytes });
  };
  for (const name of wanted) await add(name);
  return [...found.values()];
}

/** Files by the name of their module. */
async function moduleFiles(folder: string): Promise<Map<string, string>> {
  const list = await run(["find", `${folder}/kernel`, "-name", "*.ko*"], {
    timeoutMs: STEP_TIMEOUT_MS,
  });
  return new Map(
    list.split("\n").filter((path) => path !== "").map((path) => {
      const name = path.replace(/^.*\//, "").replace(/\.ko(\..*)?$/, "");
      return [canonical(name), path];
    }),
  );
}

/** The kernel takes "-" and "_" in a module's name for the same. */
function canonical(name: string): string {
  return name.replaceAll("-", "_");
}

async function readModule(path: string): Promise<Uint8Array> {
  if (path.endsWith(".ko")) return await Deno.readFile(path);
  const { success, stdout } = await new Deno.Command("xz", {
    args: ["--decompress", "--stdout", path],
    stderr: "null",
    signal: AbortSignal.timeout(STEP_TIMEOUT_MS),
  }).output();
  if (!success) throw new Error(`Cannot decompress "${path}"`);
  return stdout;
}

function dependenciesOf(bytes: Uint8Array): string[] {
  const text = new TextDecoder("latin1").decode(bytes);
  const names = /\0depends=([^\0]*)\0/.exec(text)?.[1] ?? "";
  return names.split(",").filter((name) => name !== "").map(canonical);
}
