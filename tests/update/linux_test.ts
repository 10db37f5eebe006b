import { assertEquals, assertRejects } from "@std/assert";
import { readExecutable } from "../../lib/proc/executable.ts";
import { RefusedError } from "../../lib/update/error.ts";
import { LINUX } from "../../lib/update/linux.ts";
import { factsOf } from "./command/vm.ts";
import { withRunDirectory } from "./run_base.ts";

Deno.test("a VM whose update was left unfinished is not up to date", async () => {
  await using run = await withRunDirectory();
  const executable = await readExecutable(Deno.pid);
  const facts = factsOf([], { pid: Deno.pid, executable });
  const isCurrent = () => LINUX.isCurrent(facts, executable.path);
  assertEquals(await isCurrent(), true);
  assertEquals(await LINUX.isCurrent(facts, "/bin/sh"), false);
  await Deno.mkdir(`${run.path}/${Deno.pid}-left`);
  const { code } = await assertRejects(isCurrent, RefusedError);
  assertEquals(code, "unfinished");
});
