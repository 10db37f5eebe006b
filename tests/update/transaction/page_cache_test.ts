import { assert, assertEquals } from "@std/assert";
import { printedBy } from "../../../lib/update/preflight/programs/program_probe.ts";
import { librariesIn } from "../../../lib/update/transaction/page_cache.ts";

Deno.test("libraries are read from what the loader prints", () => {
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

Deno.test("what a program prints itself names no libraries", () => {
  assertEquals(librariesIn("QEMU emulator version 11.1.3\n\tCopyright\n"), []);
});

Deno.test("the loader tells what a program would load", async () => {
  const printed = await printedBy("/bin/sh", ["-version"], {
    cell: undefined,
    variables: { LD_TRACE_LOADED_OBJECTS: "1" },
  });
  const libraries = librariesIn(printed);
  assert(libraries.some((path) => path.includes("libc.so")), printed);
  for (const path of libraries) assert(Deno.statSync(path).isFile);
});
