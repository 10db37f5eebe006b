import { assertEquals, assertRejects } from "@std/assert";
import { UpdateProblem } from "../../../lib/update/error.ts";
import { whileItRuns } from "../while_it_runs.ts";
import { contextOf } from "./context_of.ts";

const USER = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
/** Looks at a process that these words start. */
function looked(wrapper: readonly string[]): Promise<void> {
  return whileItRuns(wrapper, async (pid) => {
    using _anchors = (await contextOf(pid)).pinned;
  });
}

Deno.test({
  name: "root does not enter a namespace that a user created",
  ignore: Deno.uid() !== 0,
  async fn() {
    for (const kind of ["mount", "net", "ipc", "uts"]) {
      const { code } = await assertRejects(
        () => looked([...USER, "unshare", "--user", `--${kind}`]),
        UpdateProblem,
      );
      assertEquals(code, "foreign-namespace", kind);
    }
  },
});

Deno.test({
  name: "a namespace that root created is part of the context",
  ignore: Deno.uid() !== 0,
  fn: () => looked(["unshare", "--mount", "--net", ...USER]),
});
