import { assertEquals } from "@std/assert";
import { lockedAs, parseLocks } from "../../lib/proc/locks.ts";

const LOCKS = `\
1: OFDLCK ADVISORY  READ  -1 fe:00:1573 201 201
1: -> POSIX  ADVISORY  WRITE 9 fe:00:1573 101 101
2: POSIX  ADVISORY  WRITE 4711 00:1a:12 0 EOF
3: FLOCK  ADVISORY  WRITE 12 fe:00:9 0 EOF
4: LEASE  ACTIVE    READ 13 fe:00:10 0 EOF
`;

Deno.test("locks on bytes are read, and those that are waited for are not", () => {
  assertEquals(parseLocks(LOCKS), [
    { file: "fe:00:1573", first: 201, last: 201 },
    { file: "00:1a:12", first: 0, last: Infinity },
  ]);
});

Deno.test("a file is named as the kernel names it", async () => {
  const mounts = await Deno.readTextFile("/proc/self/mountinfo");
  // id parent major:minor root point …; what was mounted last is on top.
  const numbers = [
    ...mounts.matchAll(/^\d+ \d+ (\d+):(\d+) \S+ \/proc /gm),
  ].at(-1);
  const [major, minor] = (numbers ?? []).slice(1)
    .map((it) => Number(it).toString(16).padStart(2, "0"));
  const info = await Deno.stat("/proc");
  assertEquals(lockedAs(info), `${major}:${minor}:${info.ino}`);
});
