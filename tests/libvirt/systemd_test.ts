import { assertEquals, assertNotEquals } from "@std/assert";
import { type Daemon, LibvirtHost, unitsOf } from "./harness/libvirt_host.ts";

const ignore = !LibvirtHost.isPossible;

Deno.test("systemd units are stopped and started", { ignore }, async (t) => {
  await using host = await LibvirtHost.start("systemd");
  await host.boot("a");
  const pid = await host.pid("a");

  const mainPid = (daemon: Daemon) =>
    host.root(`systemctl show --property=MainPID ${daemon}.service`);
  const isAway = async (daemon: Daemon) => {
    const before = await mainPid(daemon);
    const updated = await host.cprctl("update --domain a --force");
    assertEquals(updated.code, 0, `${updated.stdout}${updated.stderr}`);
    assertEquals(await host.pid("a"), pid);
    assertNotEquals(await mainPid(daemon), before);
    const units = unitsOf(daemon);
    assertEquals(
      await host.root(`systemctl is-active ${units}`),
      "active\n".repeat(units.split(" ").length),
    );
    assertEquals(await host.virsh("domstate a"), "running");
  };

  await t.step("libvirtd is away during an update", async () => {
    await isAway("libvirtd");
  });

  await t.step("virtqemud too, when only its sockets are active", async () => {
    await host.root(`systemctl stop ${unitsOf("libvirtd")}
systemctl start ${unitsOf("virtqemud")}
systemctl stop virtqemud.service`);
    await isAway("virtqemud");
  });

  await t.step("a rollback tells the daemon the new process", async () => {
    const group = await host.root(`cat /proc/${pid}/cgroup`);
    const bad = await host.installBad();
    const back = await host.cprctl(`update --domain a --binary ${bad}`);
    assertEquals(back.code, 4, `${back.stdout}${back.stderr}`);
    const now = await host.pid("a");
    assertNotEquals(now, pid);
    assertEquals(await host.root(`cat /proc/${now}/cgroup`), group);
    await host.virsh("destroy a");
    await host.root(`[ ! -e /proc/${now}/exe ]`);
  });
});
