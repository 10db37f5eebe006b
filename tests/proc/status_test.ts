import { assertEquals, assertThrows } from "@std/assert";
import {
  parseStatus,
  readStatus,
  readStatusSync,
} from "../../lib/proc/status.ts";

const STATUS = `\
Name:\tqemu: Uid:\\n
Umask:\t0027
State:\tS (sleeping)
Uid:\t1000\t1001\t1002\t1003
Gid:\t100\t100\t100\t100
FDSize:\t64
Groups:\t4 27 
NSpid:\t4711\t12
VmRSS:\t   90 kB
VmSwap:\t   7 kB
RssAnon:\t     3 kB
RssShmem:\t  80 kB
VmPTE:\t   2 kB
CapInh:\t0000000000000000
CapPrm:\t0000000000003000
CapEff:\t0000000000001000
CapBnd:\t000001ffffffffff
CapAmb:\t0000000000000001
NoNewPrivs:\t1
Seccomp:\t2
Seccomp_filters:\t3
`;

Deno.test("what a process is and may do is read", () => {
  assertEquals(parseStatus(STATUS), {
    uids: [1000, 1001, 1002, 1003],
    gids: [100, 100, 100, 100],
    groups: [4, 27],
    umask: 0o27,
    confinement: {
      inheritable: "0000000000000000",
      permitted: "0000000000003000",
      effective: "0000000000001000",
      bounding: "000001ffffffffff",
      ambient: "0000000000000001",
      noNewPrivileges: true,
    },
    seccompFilters: 3,
    ids: [4711, 12],
    descriptorSlots: 64,
    ownBytes: 5 * 1024,
    residentBytes: 97 * 1024,
  });
});

Deno.test("filters are counted as the kernel tells them", () => {
  const filters = (text: string) =>
    parseStatus(STATUS.replace(/Seccomp:.*\n.*\n/, text)).seccompFilters;
  assertEquals(filters("Seccomp:\t2\n"), 1);
  assertEquals(filters("Seccomp:\t1\nSeccomp_filters:\t0\n"), 0);
  assertEquals(filters(""), 0);
});

Deno.test("a process that has ended has no memory and no umask", () => {
  const ended = parseStatus(STATUS.replaceAll(/^(?:Umask|Rss|Vm).*\n/gm, ""));
  assertEquals([ended.umask, ended.ownBytes], [0o777, 0]);
});

Deno.test("a process without groups has none", () => {
  const alone = parseStatus(STATUS.replace(/^Groups:.*$/m, "Groups:\t "));
  assertEquals(alone.groups, []);
});

Deno.test("a text without a line that always is there is refused", () => {
  for (const name of ["Uid", "Gid", "Groups", "CapBnd", "NoNewPrivs"]) {
    const torn = STATUS.replace(`\n${name}:`, "\nOther:");
    assertThrows(() => parseStatus(torn), Error, `Cannot read "${name}"`);
  }
});

Deno.test("this process is read, and this thread", async () => {
  const { uids, ids } = await readStatus(Deno.pid);
  assertEquals(uids[0], Deno.uid());
  assertEquals(readStatusSync("self").uids, uids);
  assertEquals(readStatusSync("thread-self").uids, uids);
  assertEquals(readStatusSync(`${Deno.pid}/task/${Deno.pid}`).ids, ids);
});
