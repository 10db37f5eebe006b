import { assertEquals } from "@std/assert";
import { parseEnvironment } from "../../lib/proc/environ.ts";

Deno.test("variables are told apart", () => {
  assertEquals(parseEnvironment("A=1\0B=\0C=a=b\nc\0"), {
    A: "1",
    B: "",
    C: "a=b\nc",
  });
  assertEquals(parseEnvironment(""), {});
});

Deno.test("what has no name is left out, and the last of a name counts", () => {
  assertEquals(parseEnvironment("=1\0none\0A=1\0A=2"), { A: "2" });
});
