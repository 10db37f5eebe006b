import { assertEquals } from "@std/assert";
import { roomOf } from "../../../lib/update/process/memory_room.ts";

const MIB = 1024 ** 2;
type Files = Readonly<Record<string, string | number>>;

/** Makes groups, each in the one before, and looks from the innermost. */
async function roomIn(
  version: 1 | 2,
  groups: readonly Files[],
  swapFree = 0,
) {
  const top = await Deno.makeTempDir({ prefix: "cprctl-test-" });
  let path = "";
  try {
    for (const [depth, files] of groups.entries()) {
      path += `/g${depth}`;
      await Deno.mkdir(top + path);
      for (const [name, said] of Object.entries(files)) {
        await Deno.writeTextFile(`${top}${path}/memory.${name}`, `${said}\n`);
      }
    }
    return roomOf(top + path, path, version, swapFree);
  } finally {
    await Deno.remove(top, { recursive: true });
  }
}

Deno.test("a group without a limit has no bounds", async () => {
  assertEquals(
    await roomIn(2, [{ max: "max", high: "max", current: MIB }, {}]),
    undefined,
  );
  assertEquals(
    await roomIn(1, [{
      limit_in_bytes: "9223372036854771712",
      usage_in_bytes: MIB,
    }]),
    undefined,
  );
});

Deno.test("the smallest room of all groups counts, and the lowest memory.high", async () => {
  const groups = [
    { max: 100 * MIB, high: 60 * MIB, current: 50 * MIB },
    { max: 40 * MIB, high: "max", current: 20 * MIB },
    { max: 90 * MIB, high: "max", current: 10 * MIB },
  ];
  assertEquals(await roomIn(2, groups), {
    group: "/g0/g1",
    limit: 40 * MIB,
    left: 20 * MIB,
    leftAtEase: 10 * MIB,
  });
});

Deno.test("reclaimable memory counts as free", async () => {
  const stat = `anon 5\ninactive_file ${MIB}\nactive_file ${2 * MIB}\nshmem 9`;
  const limits = { max: 10 * MIB, current: 8 * MIB, stat };
  assertEquals((await roomIn(2, [limits]))?.left, 5 * MIB);
  const version1 = {
    limit_in_bytes: 10 * MIB,
    usage_in_bytes: 8 * MIB,
    stat: `inactive_file 7\ntotal_inactive_file ${MIB}\ntotal_active_file 0`,
  };
  assertEquals((await roomIn(1, [version1]))?.left, 3 * MIB);
});

Deno.test("swap counts as room, as far as the group may use it", async () => {
  const limits = { max: 10 * MIB, current: 9 * MIB };
  const free = 100 * MIB;
  assertEquals((await roomIn(2, [limits], 0))?.left, MIB);
  assertEquals((await roomIn(2, [limits], free))?.left, 101 * MIB);
  const few = { ...limits, "swap.max": 5 * MIB, "swap.current": 2 * MIB };
  assertEquals((await roomIn(2, [few], free))?.left, 4 * MIB);
  assertEquals((await roomIn(2, [few], free))?.leftAtEase, MIB);
  const none = { ...limits, "swap.max": 0 };
  assertEquals((await roomIn(2, [none], free))?.left, MIB);
  const version1 = { limit_in_bytes: 10 * MIB, usage_in_bytes: 9 * MIB };
  const both = {
    ...version1,
    "memsw.limit_in_bytes": 12 * MIB,
    "memsw.usage_in_bytes": 9 * MIB,
  };
  assertEquals((await roomIn(1, [both], free))?.left, 3 * MIB);
  assertEquals((await roomIn(1, [version1], free))?.left, 101 * MIB);
});
