import { assertEquals } from "@std/assert";
import {
  execAttribute,
  readSecurityLabel,
} from "../../lib/proc/security_label.ts";

Deno.test("a label is asked of the module that gave it", async () => {
  const svirt = "system_u:system_r:svirt_t:s0:c1,c2";
  assertEquals(execAttribute(svirt), {
    file: "/proc/thread-self/attr/exec",
    text: svirt,
  });
  assertEquals(execAttribute("libvirt-1 (enforce)"), {
    file: "/proc/thread-self/attr/apparmor/exec",
    text: "exec libvirt-1",
  });
  const own = await readSecurityLabel("self");
  assertEquals(await readSecurityLabel(Deno.ppid), own);
});
