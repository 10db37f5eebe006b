import { assertEquals } from "@std/assert";
import type { Child } from "../../ffi/child.ts";
import { spawn } from "../../ffi/spawn.ts";
import {
  cgroupMounts,
  folderOf,
  joinCgroups,
  otherCgroups,
  parseCgroups,
} from "../../lib/proc/cgroup.ts";

const HYBRID = `31 23 0:28 / /sys/fs/cgroup rw shared:1 - tmpfs tmpfs rw
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
33 31 0:30 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
34 31 0:31 /box /mnt/a\\040b rw shared:2 master:3 - cgroup2 cgroup2 rw
`;

function sleeper(): Child {
  return spawn(["sleep", "1000"], { descriptors: new Map() });
}

function groupsOf(pid: number) {
  return parseCgroups(Deno.readTextFileSync(`/proc/${pid}/cgroup`));
}

Deno.test("the groups of a process are read", () => {
  assertEquals(
    parseCgroups("9:name=systemd:/a\n2:cpu,cpuacct:/b:c/d\n0::/e\n"),
    { "name=systemd": "/a", "cpu,cpuacct": "/b:c/d", "": "/e" },
  );
  assertEquals(parseCgroups(""), {});
});

Deno.test("groups that two have alike do not count", () => {
  assertEquals(
    otherCgroups({ a: "/x", b: "/y", "": "/z" }, { a: "/x", "": "/" }),
    { b: "/y", "": "/z" },
  );
});

Deno.test("a group is found below its mount", () => {
  const mounts = cgroupMounts(HYBRID);
  assertEquals(mounts.length, 3);
  assertEquals(
    folderOf(mounts, "cpu,cpuacct", "/a"),
    "/sys/fs/cgroup/cpu,cpuacct/a",
  );
  assertEquals(
    folderOf(mounts, "name=systemd", "/"),
    "/sys/fs/cgroup/systemd/",
  );
  assertEquals(folderOf(mounts, "", "/box/vm"), "/mnt/a b/vm");
  assertEquals(folderOf(mounts, "", "/boxes"), undefined);
  assertEquals(folderOf(mounts, "memory", "/a"), undefined);
});

Deno.test("a group that is not there is said, and the next one joined", () => {
  using child = sleeper();
  const before = groupsOf(child.pid);
  const missing = Object.keys(before).map((name) => [name, "/no/such/group"]);
  const problems = joinCgroups(
    "thread",
    child.pid,
    Object.fromEntries(missing),
  );
  assertEquals(problems.length, missing.length);
  assertEquals(groupsOf(child.pid), before);
});

const unified = folderOf(
  cgroupMounts(Deno.readTextFileSync("/proc/self/mountinfo")),
  "",
  "/",
)?.replace(/\/$/, "");

function isWritable(folder: string | undefined): folder is string {
  if (folder === undefined || Deno.uid() !== 0) return false;
  try {
    const probe = Deno.makeTempDirSync({ dir: folder });
    Deno.removeSync(probe);
    return true;
  } catch (error) {
    // Mounted to be read only.
    if (error instanceof Error) return false;
    throw error;
  }
}

Deno.test("a process joins a threaded group by way of its domain", {
  ignore: !isWritable(unified),
}, async () => {
  const domain = Deno.makeTempDirSync({
    dir: unified ?? "",
    prefix: "cprctl-test-",
  });
  const threaded = `${domain}/emulator`;
  const name = domain.slice(domain.lastIndexOf("/"));
  try {
    Deno.mkdirSync(threaded);
    Deno.writeTextFileSync(`${threaded}/cgroup.type`, "threaded");
    using child = sleeper();
    const group = { "": `${name}/emulator` };
    assertEquals(joinCgroups("process", child.pid, group), []);
    assertEquals(groupsOf(child.pid)[""], `${name}/emulator`);
    assertEquals(joinCgroups("thread", child.pid, { "": name }), []);
    assertEquals(groupsOf(child.pid)[""], name);
    child.kill("SIGKILL");
    await child.wait(10_000);
  } finally {
    Deno.removeSync(threaded);
    Deno.removeSync(domain);
  }
});
