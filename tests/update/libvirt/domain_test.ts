import { assertEquals } from "@std/assert";
import { parseStatus } from "../../../lib/update/libvirt/domain.ts";

/** What libvirt 12.8 writes, shortened. */
const STATUS = `<!--
WARNING: THIS IS AN AUTO-GENERATED FILE.
-->

<domstatus state='running' reason='booted' pid='617'>
  <taint flag='custom-argv'/>
  <monitor path='/var/lib/libvirt/qemu/domain-1-a &amp; b/monitor.sock' type='unix'/>
  <vcpus>
    <vcpu id='0' pid='625'/>
  </vcpus>
  <domain type='kvm' id='1'>
    <name>a &amp; b</name>
    <metadata><name>c</name></metadata>
  </domain>
</domstatus>
`;

Deno.test("a domain's status has its name, process and monitor", () => {
  assertEquals(parseStatus(STATUS), {
    name: "a & b",
    pid: 617,
    monitor: "/var/lib/libvirt/qemu/domain-1-a & b/monitor.sock",
  });
});

Deno.test("what lacks one of them is no status", () => {
  for (
    const [from, to] of [
      ["pid='617'", ""],
      ["pid='617'", "pid='1'"],
      ["pid='617'", "pid='-617'"],
      ["pid='617'", "pid='99999999'"],
      ["<monitor path", "<monitor p"],
      ["<domain type='kvm' id='1'>\n    <name>", "<domain>"],
    ] as const
  ) {
    assertEquals(parseStatus(STATUS.replace(from, to)), undefined, from);
  }
});
