import { assertEquals } from "@std/assert";
import { licences } from "../../lib/cli/licences.ts";

Deno.test("from its source the program has its own licence", async () => {
  assertEquals(
    await licences(),
    Deno.readTextFileSync(new URL("../../LICENSE", import.meta.url)),
  );
});
