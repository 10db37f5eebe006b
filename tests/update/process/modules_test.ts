import { assertEquals } from "@std/assert";
import { Fd } from "../../../ffi/fd.ts";
import { O_RDONLY } from "../../../ffi/open_flags.ts";
import {
  isReplaced,
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

Deno.test("modules are told from programs, libraries and memory", () => {
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
