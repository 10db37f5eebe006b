import { assertEquals } from "@std/assert";
import {
  hugePageMounts,
  parseTapQueue,
  readLiveProcess,
} from "../../../lib/update/command/live_process.ts";

Deno.test("a queue of a tap interface is read from fdinfo", () => {
  const info = (flags: string) =>
    `pos:\t0\nflags:\t${flags}\nmnt_id:\t24\nino:\t105\niff:\tmy tap\n`;
  const queue = { descriptor: 11, interface: "my tap" };
  assertEquals(parseTapQueue(11, info("0104002")), {
    ...queue,
    closesOnExec: false,
  });
  assertEquals(parseTapQueue(11, info("02104002")), {
    ...queue,
    closesOnExec: true,
  });
  assertEquals(parseTapQueue(11, "pos:\t0\nflags:\t02\n"), undefined);
});

Deno.test("mounts of huge pages are found, with blanks in their paths", () => {
  const mounts = [
    "24 1 0:22 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
    "31 24 0:27 / /dev/hugepages rw - hugetlbfs hugetlbfs rw,pagesize=2M",
    "32 24 0:28 / /my\\040pages rw shared:9 master:1 - hugetlbfs none rw",
    "33 24 0:29 / /hugetlbfs rw - tmpfs hugetlbfs rw",
    "",
  ].join("\n");
  assertEquals(hugePageMounts(mounts), ["/dev/hugepages", "/my pages"]);
});

Deno.test("a process without tap interfaces has none", async () => {
  assertEquals((await readLiveProcess(Deno.pid)).taps, []);
});
