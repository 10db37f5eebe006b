import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { cprctlWords } from "../../testing/program/program.ts";
import type { Report } from "../../lib/update/report/report.ts";
import { EMULATOR, LibvirtHost, WHOLE } from "./harness/libvirt_host.ts";

const DRIVER = new URL("./programs/killed.ts", import.meta.url).pathname;
const ignore = !LibvirtHost.isPossible;
/** With the daemon stopped. */
const PHASES = WHOLE
  ? ["prepare", "migrate", "hold", "switchover", "load", "verify", "commit"]
  : ["switchover", "commit"];

Deno.test("libvirt domains are updated", { ignore }, async (t) => {
  await using host = await LibvirtHost.start("bash");
  await host.boot("a");
  await host.boot("b");
  const before = await host.pid("a");
  const other = await host.pid("b");

  /** libvirt manages the domain, and everything it does with it works. */
  const assertManaged = async (name: string) => {
    assertEquals(await host.virsh(`domstate ${name}`), "running");
    assertEquals(await host.virsh(`domcontrol ${name}`), "ok");
    await host.virsh(`suspend ${name}`);
    assertEquals(await host.virsh(`domstate ${name}`), "paused");
    await host.virsh(`resume ${name}`);
    await host.virsh(`domblkstat ${name} vda`);
    await host.virsh(`domifstat ${name} tap-${name}`);
    const terminal = await host.virsh(`ttyconsole ${name}`);
    assertMatch(
      await host.virsh(`qemu-monitor-command ${name} --hmp info chardev`),
      new RegExp(`charserial0: filename=pty:${terminal}$`, "m"),
    );
  };

  /** What an Ansible module answers. */
  const viaAnsible = async (domain: string, checkMode: boolean) => {
    const task = {
      _ansible_module_name: "cprctl.qemu.cpr_update",
      _ansible_check_mode: checkMode,
      _ansible_diff: true,
      domain,
    };
    await host.write("/root/task.json", JSON.stringify(task));
    const { stdout } = await host.cprctl("ansible-module task.json");
    const { outcome, vm_state, diff } = JSON.parse(stdout);
    assertMatch(
      diff?.after ?? stdout,
      new RegExp(`^version: ${host.builds.new.version}$`, "m"),
    );
    return [outcome, vm_state];
  };

  /** An update whose cprctl is killed at the beginning of a phase. */
  const killedAt = async (name: string, phase: string, binary = EMULATOR) => {
    const self = cprctlWords().join(" ");
    const driver = `${Deno.execPath()} run --quiet --allow-all ${DRIVER}`;
    await host.run(`${driver} ${name} ${phase} ${binary} ${self}`);
  };

  await t.step("a domain is listed, and checked", async () => {
    const { vms } = JSON.parse((await host.cprctl("list --json")).stdout);
    assertEquals(
      vms.map(({ domain, updatable }: Record<string, unknown>) => [
        domain,
        updatable,
      ]),
      [["a", true], ["b", true]],
    );
    const daemon = await host.daemon();
    const { code, stdout } = await host.cprctl("check --domain a");
    assertEquals(code, 0, stdout);
    assertEquals(await host.daemon(), daemon);
    await assertManaged("a");
  });

  await t.step("a domain is what root's file of its name says", async () => {
    const folder = "/run/libvirt/qemu";
    await host.root(`cp ${folder}/a.xml ${folder}/other.xml
sed 's,<name>a<,<name>theirs<,' ${folder}/a.xml >${folder}/theirs.xml
chown libvirt-qemu ${folder}/theirs.xml`);
    for (const name of ["other", "theirs", "none", "../qemu/a"]) {
      const { code, stderr } = await host.cprctl(`check --domain '${name}'`);
      assertEquals(code, 3, name);
      assertMatch(stderr, /Cannot find a running domain/, name);
    }
    await host.root(`chown root ${folder}/theirs.xml`);
    const { code, stderr } = await host.cprctl("check --domain theirs");
    assertEquals([code, /Cannot find/.test(stderr)], [3, false], stderr);
    await host.root(`rm ${folder}/other.xml ${folder}/theirs.xml`);
  });

  await t.step("nothing stops the daemon for a current one", async () => {
    const daemon = await host.daemon();
    const { code, stdout } = await host.cprctl("update --domain a");
    assertEquals(code, 0);
    assertMatch(stdout, /up to date/);
    assertEquals(await host.daemon(), daemon);
  });

  await t.step("an update keeps process, terminal and libvirt", async () => {
    await host.install("new");
    const terminal = await host.virsh("ttyconsole a");
    const ahead = await viaAnsible("a", true);
    assertEquals(ahead, ["would-update", "running-old"]);
    const made = await viaAnsible("a", false);
    assertEquals(made, ["updated", "running-new"]);
    assertEquals(await host.pid("a"), before);
    await assertManaged("a");
    assertEquals(await host.virsh("ttyconsole a"), terminal);
  });

  await t.step("the other domain has not noticed", async () => {
    assertEquals(await host.pid("b"), other);
    await assertManaged("b");
  });

  await t.step("disks and interfaces are plugged in afterwards", async () => {
    await host.root("truncate -s 8M /var/lib/libvirt/images/c.img");
    await host.virsh(
      "attach-disk a /var/lib/libvirt/images/c.img vdc --subdriver raw",
    );
    await host.write(
      "/root/c.xml",
      "<interface type='ethernet'><target dev='tap-c'/>" +
        "<model type='virtio'/></interface>",
    );
    await host.virsh("attach-device a /root/c.xml");
    const { code, stdout } = await host.cprctl("update --domain a --force");
    assertEquals(code, 0, stdout);
    await assertManaged("a");
    await host.virsh("domblkstat a vdc");
  });

  await t.step("a rollback tells libvirt the new process", async () => {
    const bad = await host.installBad();
    const { code, stdout } = await host.cprctl(
      `update --domain b --binary ${bad}`,
    );
    assertEquals(code, 4, stdout);
    const pid = await host.pid("b");
    assertNotEquals(pid, other);
    await host.root(`[ ! -e /proc/${other}/exe ] && [ -e /proc/${pid}/exe ]
grep "<domstatus .*pid='${pid}'" /run/libvirt/qemu/b.xml`);
    await assertManaged("b");
  });

  for (const phase of PHASES) {
    await t.step(`recover after SIGKILL at ${phase}`, async () => {
      await killedAt("a", phase);
      await host.root("[ ! -e /run/libvirtd.pid ]");
      const refused = await host.cprctl("update --domain b");
      assertEquals(refused.code, 3, refused.stdout);
      const { code: recovered, stdout } = await host.cprctl("recover");
      assertEquals(recovered, 0, stdout);
      await assertManaged("a");
      await assertManaged("b");
    });
  }

  await t.step("recover after SIGKILL in a rollback", async () => {
    const pid = await host.pid("a");
    await killedAt("a", "rollback", await host.installBad());
    await host.root("[ ! -e /run/libvirtd.pid ]");
    const { code, stdout } = await host.cprctl("recover");
    assertEquals(code, 4, stdout);
    assertNotEquals(await host.pid("a"), pid);
    await assertManaged("a");
  });

  await t.step("all domains are updated", async () => {
    const { code, stdout } = await host.cprctl("update --all --json");
    assertEquals(code, 0, stdout);
    const { results } = JSON.parse(stdout);
    assertEquals(
      results.map(({ vm, outcome }: Report) => [vm.name, outcome]).sort(),
      [["a", "up-to-date"], ["b", "updated"]],
    );
    await assertManaged("b");
  });

  await t.step("a daemon that does not start is an error", async () => {
    const program = "/usr/sbin/libvirtd";
    await host.root(`cp -p ${program} ${program}.away
printf '#!/bin/sh\nexit 1\n' >${program}.new
chmod 755 ${program}.new
mv ${program}.new ${program}`);
    const { code, stdout } = await host.cprctl("update --domain a --force");
    assertEquals(code, 5, stdout);
    assertMatch(
      stdout.replaceAll(/\s+/g, " "),
      /libvirtd --daemon [^"]*" ended with code 1/,
    );
    await host.root(`mv ${program}.away ${program}`);
    const recovered = await host.cprctl("recover");
    assertEquals(recovered.code, 0, recovered.stdout);
    await assertManaged("a");
  });

  await t.step("the daemon waits for what cannot be recovered", async () => {
    await killedAt("b", "switchover");
    // The VM, and the standby process that has its memory.
    const pid = await host.pid("b");
    await host.root(
      `kill -9 ${pid} $(cut -d" " -f1 /run/cprctl/${pid}-*/standbys)`,
    );
    const { code, stdout } = await host.cprctl("recover");
    assertEquals(code, 5, stdout);
    assertMatch(stdout.replaceAll(/\s+/g, " "), /run: \S*libvirtd --daemon/);
    await host.root("[ ! -e /run/libvirtd.pid ]");
    await host.root(
      `rm -r /run/cprctl/${pid}-*`,
    );
    const given = await host.cprctl("recover");
    assertEquals(given.code, 0, given.stdout);
    assertEquals(await host.virsh("domstate b"), "shut off");
    await assertManaged("a");
    await host.virsh("start b");
  });

  await t.step("libvirt ends what it manages", async () => {
    for (const name of ["a", "b"]) {
      const pid = await host.pid(name);
      await host.virsh(`destroy ${name}`);
      await host.root(`[ ! -e /proc/${pid}/exe ]`);
    }
  });

  await t.step("what a domain needs is said before anything", async () => {
    await host.boot("d", { shared: false });
    const daemon = await host.daemon();
    const { code, stderr } = await host.cprctl("update --domain d --force");
    assertEquals(code, 3);
    const text = stderr.replaceAll(/\s+/g, " ");
    assertMatch(text, /<memoryBacking><source type='memfd'\/>/);
    assertMatch(text, /<qemu:arg value='aux-ram-share=on'\/>/);
    assertEquals(await host.daemon(), daemon);
  });
});
