import { assertEquals } from "@std/assert";
import { listed, quoted, weaker } from "../../../lib/update/preflight/check.ts";

Deno.test("names are quoted, and cut", () => {
  assertEquals(quoted("x".repeat(300)).length, 202);
  assertEquals(listed(["a", "b"]), `"a", "b"`);
  assertEquals(listed([..."abcdefgh"]), `"a", "b", "c", "d", "e" and 3 more`);
});

Deno.test("less confinement is a warning where it is accepted", () => {
  const finding = (allowWeakerConfinement: boolean) =>
    weaker({ allowWeakerConfinement }, "It would be", "Restart it");
  assertEquals(finding(true).verdict, "warn");
  assertEquals(finding(false), {
    verdict: "refuse",
    detail: "It would be",
    remedy: "Restart it; or accept it with --allow-weaker-confinement",
  });
});
