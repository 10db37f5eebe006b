import { assert, assertEquals } from "@std/assert";
import { Fd } from "../../../ffi/fd.ts";
import { O_RDONLY } from "../../../ffi/open_flags.ts";
import { moduleVariables } from "../../../lib/update/standby/module_folder.ts";

const NOBODY = { uid: 65534, gid: 65534, groups: [] };
const FIRST = "a-first.so";
const LAST = "z-last.so";
const ENTRIES = 16 * 1024;

/** The names that a program finds whose module "it.so" was replaced. */
function namesFor(folder: string): string[] {
  const own = `${folder}-own`;
  Deno.mkdirSync(own);
  try {
    using file = Fd.open("/proc/self/exe", O_RDONLY);
    const module = { name: "it.so", path: `${folder}/it.so`, file };
    const variables = moduleVariables(own, [module], NOBODY);
    assertEquals(variables, { QEMU_MODULE_DIR: `${own}/modules` });
    return [...Deno.readDirSync(`${own}/modules`)].map(({ name }) => name)
      .sort();
  } finally {
    Deno.removeSync(own, { recursive: true });
  }
}

/** In a file system that lists a folder in the order of its entries' making. */
async function withFolder(
  mode: number,
  use: (folder: string) => void,
): Promise<void> {
  const folder = await Deno.makeTempDir({ dir: "/dev/shm" });
  try {
    Deno.writeTextFileSync(`${folder}/${FIRST}`, "");
    await Deno.chmod(folder, mode);
    use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("other modules of a replaced build cannot be opened", () =>
  withFolder(0o755, (folder) => {
    Deno.writeTextFileSync(`${folder}/it.so`, "");
    Deno.writeTextFileSync(`${folder}/README`, "");
    assertEquals(namesFor(folder), [FIRST, "it.so"]);
  }));

Deno.test("the listing of a folder is limited", () =>
  withFolder(0o755, (folder) => {
    for (let count = 0; count < ENTRIES; count++) {
      Deno.linkSync(`${folder}/${FIRST}`, `${folder}/${count}`);
    }
    Deno.writeTextFileSync(`${folder}/${LAST}`, "");
    const names = namesFor(folder);
    assert(!(names.includes(FIRST) && names.includes(LAST)), `${names}`);
  }));

Deno.test({
  name: "a folder that the VM's user may not read is not listed for it",
  ignore: Deno.uid() !== 0,
  fn: () =>
    withFolder(0o700, (folder) => assertEquals(namesFor(folder), ["it.so"])),
});
