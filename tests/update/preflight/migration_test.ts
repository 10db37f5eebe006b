import { assertEquals, assertStringIncludes } from "@std/assert";
import { withRunDirectory } from "../run_base.ts";
import { findings } from "./fake_monitor.ts";

const NO_PLACE = "/proc/nowhere";

Deno.test("room for the state is tried out, and given back", async () => {
  await using run = await withRunDirectory();
  const checks = await findings({});
  assertEquals(checks.get("state-room")?.verdict, "ok");
  assertEquals([...Deno.readDirSync(run.path)], []);
});

Deno.test("a state that has no place is refused", async () => {
  await using _run = await withRunDirectory();
  Deno.env.set("RUNTIME_DIRECTORY", NO_PLACE);
  const check = (await findings({})).get("state-room");
  assertEquals(check?.verdict, "refuse");
  assertStringIncludes(check?.detail ?? "", NO_PLACE);
});
