import { assertMatch } from "@std/assert";
import { commit } from "../../lib/cli/commit.ts";

Deno.test("the source knows the commit it is checked out from", async () => {
  assertMatch(await commit() ?? "", /^[0-9a-f]{40}(-dirty)?$/);
});
