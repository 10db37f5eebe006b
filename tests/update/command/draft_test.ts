import { parseMountinfo } from "../../../lib/proc/mountinfo.ts";
import { assertEquals } from "@std/assert";
import { VhostNet } from "../../../lib/update/process/vhost_net.ts";
import {
  hugePageMounts,
  readLiveProcess,
} from "../../../lib/update/command/draft.ts";

Deno.test("mounts of huge pages are found, with blanks in their paths", () => {
  const mounts = [
    "24 1 0:22 / / rw,relatime shared:1 - ext4 /dev/sda1 rw",
    "31 24 0:27 / /dev/hugepages rw - hugetlbfs hugetlbfs rw,pagesize=2M",
    "32 24 0:28 / /my\\040pages rw shared:9 master:1 - hugetlbfs none rw",
    "33 24 0:29 / /hugetlbfs rw - tmpfs hugetlbfs rw",
    "",
  ].join("\n");
  assertEquals(hugePageMounts(parseMountinfo(mounts)), [
    "/dev/hugepages",
    "/my pages",
  ]);
});

Deno.test("a process without tap interfaces has none", async () => {
  assertEquals((await readLiveProcess(Deno.pid, new VhostNet())).taps, []);
});
