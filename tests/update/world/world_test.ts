import { assertEquals } from "@std/assert";
import { parseCredentials } from "../../../lib/update/world/world.ts";

const status = (groups: string) =>
  `Uid:\t0\t1000\t1000\t1000\nGid:\t0\t100\t100\t100\nFDSize:\t64\n` +
  `Groups:\t${groups} \nNStgid:\t4711\n`;

Deno.test("user and groups of a process", () => {
  assertEquals(parseCredentials(status("4 27")), {
    uid: 1000,
    gid: 100,
    groups: [4, 27],
  });
});

Deno.test("a process in no other groups has none", () => {
  assertEquals(parseCredentials(status("")).groups, []);
});
