import { assertEquals, assertRejects } from "@std/assert";
import { UpdateProblem } from "../../../../lib/update/error.ts";
import { runSafely } from "../../../../lib/update/preflight/programs/safe_run.ts";

const RUN = {
  args: ["-u"],
  output: "stdout",
  maximum: 1_000,
  timeoutMs: 30_000,
} as const;

Deno.test({
  name: "a program of root's that is no QEMU is not run as root",
  ignore: Deno.uid() !== 0,
  async fn() {
    const { code } = await assertRejects(
      () => runSafely("/usr/bin/id", RUN, undefined),
      UpdateProblem,
    );
    assertEquals(code, "not-roots");
  },
});
