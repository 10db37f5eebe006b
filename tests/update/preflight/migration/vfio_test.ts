import { assertEquals } from "@std/assert";
import { findingsAfter } from "../other_process.ts";

/** Makes a process that has a file open whose name is that of a device. */
const HAS_GROUP = "mount -t tmpfs none /dev && mkdir /dev/vfio && " +
  "exec sh -c 'echo; read _' 7>/dev/vfio/12";

Deno.test({
  name: "a VM that has devices of the host is refused",
  ignore: Deno.uid() !== 0,
  async fn() {
    const wrapper = ["unshare", "--mount", "sh", "-c", HAS_GROUP];
    const checks = await findingsAfter(wrapper, []);
    assertEquals(checks.get("vfio")?.verdict, "refuse");
  },
});

Deno.test("a VM that has none passes", async () => {
  const checks = await findingsAfter(["env"]);
  assertEquals(checks.get("vfio")?.verdict, "ok");
});
