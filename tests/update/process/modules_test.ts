import { assert, assertEquals } from "@std/assert";
import { Fd } from "../../../ffi/fd.ts";
import { O_RDONLY } from "../../../ffi/open_flags.ts";
import {
  isReplaced,
  moduleVariables,
  openModules,
  parseModules,
} from "../../../lib/update/process/modules.ts";

const MAPS = `\
55d0a4000000-55d0a4600000 r--p 00000000 08:01 131 /usr/bin/qemu-system-x86_64
7f0000001000-7f0000002000 r--p 00000000 08:01 4711                       /usr/lib/qemu/hw-usb-host.so
7f0000002000-7f0000003000 r-xp 00001000 08:01 4711                       /usr/lib/qemu/hw-usb-host.so
00400000-00401000 r--p 00000000 08:01 4712 /usr/lib/qemu/ui-spice-core.so (deleted)
7f0000005000-7f0000006000 r--p 00000000 08:01 4713 /usr/lib/libz.so.1.3
7f0000006000-7f0000007000 r--p 00000000 08:01 4714 /usr/lib/libplugin.so
7f0000007000-7f0000008000 rw-p 00000000 00:00 0
7f0000008000-7f0000009000 rw-s 00000000 00:01 9 /memfd:ram.so (deleted)
7f0000009000-7f000000a000 rw-p 00000000 00:00 0                          [heap]
`;

Deno.test("modules are distinguished from programs, libraries and memory", () => {
  assertEquals(parseModules(MAPS), [
    {
      name: "hw-usb-host.so",
      path: "/usr/lib/qemu/hw-usb-host.so",
      range: "7f0000001000-7f0000002000",
    },
    {
      name: "ui-spice-core.so",
      path: "/usr/lib/qemu/ui-spice-core.so",
      range: "400000-401000",
    },
  ]);
});

Deno.test("the number of kept modules is limited", () => {
  const maps = Array.from(
    { length: 5000 },
    (_, at) => `7f0000001000-7f0000002000 r--p 0 08:01 1 /tmp/m${at}.so\n`,
  );
  assertEquals(parseModules(maps.join("")).length, 64);
});

Deno.test("a module counts as replaced if its path has another file, or none", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/hw-usb-host.so`;
    await Deno.writeTextFile(path, "old");
    using file = Fd.open(path, O_RDONLY);
    const module = { name: "hw-usb-host.so", path, file };
    assertEquals(isReplaced(module), false);
    await Deno.writeTextFile(`${path}.new`, "new");
    await Deno.rename(`${path}.new`, path);
    assertEquals(isReplaced(module), true);
    await Deno.remove(path);
    assertEquals(isReplaced(module), true);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

const PROGRAM = new URL("programs/map_files.ts", import.meta.url).pathname;
const NOBODY = { uid: 65534, gid: 65534, groups: [] };

Deno.test({
  name: "a module that the VM's user may not read is not opened for it",
  ignore: Deno.uid() !== 0,
  async fn() {
    const folder = await Deno.makeTempDir();
    await Deno.chmod(folder, 0o755);
    const [open, secret] = ["hw-open.so", "hw-secret.so"]
      .map((name) => `${folder}/${name}`) as [string, string];
    await Deno.writeTextFile(open, "open", { mode: 0o644 });
    await Deno.writeTextFile(secret, "secret", { mode: 0o600 });
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--allow-all", "--no-check", PROGRAM, open, secret],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const reader = child.stdout.getReader();
    try {
      await reader.read();
      const modules = await openModules(child.pid, NOBODY);
      for (const { file } of modules) file.close();
      assertEquals(modules.map(({ path }) => path), [open]);
    } finally {
      await child.stdin.close();
      await reader.cancel();
      await child.status;
      await Deno.remove(folder, { recursive: true });
    }
  },
});

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
