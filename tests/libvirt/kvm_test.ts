import { assertEquals, assertNotEquals } from "@std/assert";
import { VHOST_NET } from "../../lib/update/process/vhost_net.ts";
import { until } from "../../testing/program/until.ts";
import { accelerators } from "../../testing/qemu/mod.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { LibvirtHost } from "./harness/libvirt_host.ts";

const builds = await qemuBuilds();
const ignore = !LibvirtHost.isPossible ||
  !(await accelerators(builds.old)).includes("kvm");
/** Where KVM is emulated, the firmware takes half a minute. */
const TIMEOUT_MS = 120_000;

Deno.test(
  "a domain with KVM and vhost is updated and rolled back",
  { ignore },
  async () => {
    await using host = await LibvirtHost.start("bash");
    await host.boot("a", { accelerator: "kvm" });
    await host.write(
      "/root/late.xml",
      "<interface type='ethernet'><target dev='tap-late'/>" +
        "<model type='virtio'/></interface>",
    );
    await host.virsh("attach-device a /root/late.xml");
    const pid = await host.pid("a");
    /** libvirt passed both; each program has its own. */
    const assertVhost = async (pid: number) =>
      assertEquals(
        await host.root(`ls -l /proc/${pid}/fd | grep -c ' -> ${VHOST_NET}$'`),
        "2\n",
      );
    await assertVhost(pid);
    await host.install("new");
    const updated = await host.cprctl("update --domain a");
    assertEquals(updated.code, 0, updated.stdout);
    assertEquals(await host.pid("a"), pid);
    await assertVhost(pid);
    const bad = await host.installBad();
    const back = await host.cprctl(`update --domain a --binary ${bad}`);
    assertEquals(back.code, 4, back.stdout);
    const now = await host.pid("a");
    assertNotEquals(now, pid);
    await assertVhost(now);
    assertEquals(await host.virsh("domstate a"), "running");
    await host.root(
      `tr '\\0' ' ' </proc/${now}/cmdline | grep -e '-accel kvm'`,
    );
    await until(
      "the guest answers",
      TIMEOUT_MS,
      async () => await host.say("a", "a") === "b",
    );
  },
);
