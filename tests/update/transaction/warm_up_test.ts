import { assert, assertEquals } from "@std/assert";
import { printedBy } from "../../../lib/update/programs/probe.ts";
import { librariesIn, View } from "../../../lib/update/transaction/warm_up.ts";

Deno.test("libraries are read from the loader's output", () => {
  assertEquals(
    librariesIn(
      "\tlinux-vdso.so.1 (0x00007f278dc35000)\n" +
        "\tlibz.so.1 => /opt/qemu/lib/libz.so.1 (0x00007f278d200000)\n" +
        "\tlibnone.so.3 => not found\n" +
        "\t/lib64/ld-linux-x86-64.so.2 (0x00007fef838bb000)\n",
    ),
    ["/opt/qemu/lib/libz.so.1", "/lib64/ld-linux-x86-64.so.2"],
  );
});

Deno.test("a program's own output names no libraries", () => {
  assertEquals(librariesIn("QEMU emulator version 11.1.3\n\tCopyright\n"), []);
});

Deno.test("the loader lists the libraries of a program", async () => {
  const printed = await printedBy("/bin/sh", ["-version"], {
    ...{ sandbox: undefined, namedByOperator: true },
    variables: { LD_TRACE_LOADED_OBJECTS: "1" },
  });
  const libraries = librariesIn(printed);
  assert(libraries.some((path) => path.includes("libc.so")), printed);
  for (const path of libraries) assert(Deno.statSync(path).isFile);
});

/** Far enough away for every read to count as the first since (relatime). */
const TOMORROW_MS = Date.now() + 86_400_000;

Deno.test({
  name: "a file that the VM's user may not read is not read",
  ignore: Deno.uid() !== 0,
  async fn() {
    const folder = await Deno.makeTempDir({ dir: "/dev/shm" });
    try {
      await Deno.chmod(folder, 0o755);
      const [open, secret, fifo] = ["open", "secret", "fifo"]
        .map((name) => `${folder}/${name}`) as [string, string, string];
      await Deno.writeTextFile(open, "open", { mode: 0o644 });
      await Deno.writeTextFile(secret, "secret", { mode: 0o600 });
      await new Deno.Command("mkfifo", { args: ["-m", "666", fifo] }).output();
      for (const path of [open, secret]) {
        await Deno.utime(path, new Date(0), new Date(TOMORROW_MS));
      }
      const wasRead = async (path: string) =>
        (await Deno.stat(path)).atime?.getTime() !== 0;
      using view = new View(
        Deno.pid,
        { uid: 65534, gid: 65534, groups: [] },
      );
      for (const path of [secret, fifo, "/dev/zero", folder, "/none"]) {
        assertEquals(view.open(path), undefined, path);
      }
      // A device would be read until the time is over, a FIFO for ever.
      await view.readAll([secret, fifo, "/dev/zero", open]);
      assertEquals(await wasRead(open), true);
      assertEquals(await wasRead(secret), false);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
