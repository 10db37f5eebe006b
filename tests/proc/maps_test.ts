import { assertEquals } from "@std/assert";
import { parseMaps } from "../../lib/proc/maps.ts";

const MAPS = `\
00400000-00401000 r--p 00000000 08:01 4712 /usr/lib/qemu/ui x.so (deleted)
7f8a8c000000-7f8a8c021000 rw-p 00000000 00:00 0
7ffd5c9a6000-7ffd5c9c7000 rw-p 00000000 00:00 0                          [stack]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
`;

Deno.test("mappings are read, with and without a file", () => {
  assertEquals([...parseMaps(MAPS)], [
    {
      start: 0x400000n,
      end: 0x401000n,
      permissions: "r--p",
      path: "/usr/lib/qemu/ui x.so (deleted)",
    },
    {
      start: 0x7f8a8c000000n,
      end: 0x7f8a8c021000n,
      permissions: "rw-p",
      path: "",
    },
    {
      start: 0x7ffd5c9a6000n,
      end: 0x7ffd5c9c7000n,
      permissions: "rw-p",
      path: "[stack]",
    },
    {
      start: 0xffffffffff600000n,
      end: 0xffffffffff601000n,
      permissions: "--xp",
      path: "[vsyscall]",
    },
  ]);
});

Deno.test("a line that is no mapping is left out", () => {
  const torn = ["00400000-00401000 r--p", "hello", "-1 r--p 0 08:01 1 /a", ""];
  assertEquals([...parseMaps(torn.join("\n"))], []);
});
