import { assertEquals, assertRejects } from "@std/assert";
import { UpdateProblem } from "../../../lib/update/error.ts";
import { worldOf } from "./world_of.ts";

const USER = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
const NOTHING = ["/bin/sh", "-c", "echo; read _"];

/** Looks at a process that these words start. */
async function looked(wrapper: readonly string[]): Promise<void> {
  const [first = "", ...args] = [...wrapper, ...NOTHING];
  const process = new Deno.Command(first, {
    args,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = process.stdout.getReader();
  try {
    await reader.read(); // the wrapper is done
    using _anchors = (await worldOf(process.pid)).anchors;
  } finally {
    await process.stdin.close();
    await reader.cancel();
    await process.status;
  }
}

Deno.test({
  name: "root enters no namespace of a user's own making",
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
  name: "a namespace of root's making is the VM's place",
  ignore: Deno.uid() !== 0,
  fn: () => looked(["unshare", "--mount", "--net", ...USER]),
});
