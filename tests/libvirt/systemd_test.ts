import { assertEquals, assertNotEquals } from "@std/assert";
import { LibvirtHost } from "./harness/libvirt_host.ts";

const ignore = !LibvirtHost.isPossible;
const UNITS = "libvirtd.service libvirtd.socket libvirtd-ro.socket";

Deno.test("units of systemd are stopped and started", { ignore }, async () => {
  await using host = await LibvirtHost.start("systemd");
  await host.boot("a");
  const active = await host.root(`systemctl is-active ${UNITS}`);
  const [pid, daemon] = [await host.pid("a"), await host.daemon()];
  await host.install("new");
  const updated = await host.cprctl("update --domain a");
  assertEquals(updated.code, 0, `${updated.stdout}${updated.stderr}`);
  assertEquals(await host.pid("a"), pid);
  assertNotEquals(await host.daemon(), daemon);
  assertEquals(await host.root(`systemctl is-active ${UNITS}`), active);
  assertEquals(await host.virsh("domstate a"), "running");

  const bad = await host.installBad();
  const back = await host.cprctl(`update --domain a --binary ${bad}`);
  assertEquals(back.code, 4, `${back.stdout}${back.stderr}`);
  const now = await host.pid("a");
  assertNotEquals(now, pid);
  assertEquals(await host.root(`systemctl is-active ${UNITS}`), active);
  await host.virsh("destroy a");
  await host.root(`[ ! -e /proc/${now}/exe ]`);
});
