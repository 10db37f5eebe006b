import { assert, assertEquals } from "@std/assert";
import { parseMountinfo, readMountinfo } from "../../lib/proc/mountinfo.ts";

Deno.test("mounts are read, with any number of tags", () => {
  const text = "24 1 0:22 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n" +
    "32 24 0:28 /a\\134b /my\\040pages rw shared:9 master:1 - hugetlbfs none " +
    "rw,pagesize=2M\n33 24 0:29 / /tmp rw - tmpfs tmpfs rw\n";
  assertEquals(parseMountinfo(text), [
    { root: "/", mountPoint: "/", type: "ext4", options: "rw" },
    {
      root: "/a\\b",
      mountPoint: "/my pages",
      type: "hugetlbfs",
      options: "rw,pagesize=2M",
    },
    { root: "/", mountPoint: "/tmp", type: "tmpfs", options: "rw" },
  ]);
});

Deno.test("what a line does not have is empty", () => {
  assertEquals(parseMountinfo("24 1 0:22 /\n"), [
    { root: "/", mountPoint: "", type: "", options: "" },
  ]);
  assertEquals(parseMountinfo(""), []);
});

Deno.test("this process sees /proc", async () => {
  const mounts = await readMountinfo(Deno.pid);
  assert(mounts.some(({ mountPoint }) => mountPoint === "/proc"));
});
