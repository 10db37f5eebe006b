/**
 * A stranger's path: on a bare Debian, with nothing but our documents, from a
 * clone to updated VMs. What documents show is run as it stands there.
 *
 * @module
 */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { VERSION } from "../../lib/version.ts";
import { exists } from "../../testing/program/exists.ts";
import { OwnInit } from "../../testing/program/own_init.ts";
import type { Ended } from "../../testing/program/run.ts";
import { until } from "../../testing/program/until.ts";
import { bootDisk } from "../../testing/qemu/guest.ts";
import { bareDebian, canMakeDebian } from "./harness/bare_debian.ts";
import { Guest } from "./harness/guest.ts";
import {
  block,
  blocks,
  named,
  shownBelow,
  typed,
  untaken,
  withoutDeno,
} from "./harness/pages.ts";
import { STRANGER, StrangerHost } from "./harness/stranger_host.ts";

const README = "README.md";
const OPERATING = "docs/operating.md";
const SYSTEMD = "scripts/systemd/README.md";
const ANSIBLE = "scripts/ansible/README.md";
const REPOSITORY = await Deno.readTextFile(
  new URL("harness/repository.sh", import.meta.url),
);
const DISK_BYTES = 1 << 20;
const TIMEOUT_MS = 60_000;

/**
 * The path is RHEL's, without the folder where cprctl is. Root of a container
 * may lack CAP_SYS_RESOURCE, and cannot raise the limit that sudo lowers.
 */
const SUDOERS = `Defaults secure_path="/usr/sbin:/usr/bin:/sbin:/bin"
Defaults rlimit_core=default
${STRANGER} ALL=(ALL) NOPASSWD: ALL`;

/** The guests count all the time; what the test waits for goes before. */
const IDLE = "nice --adjustment=5";

/** Passes every check, and crashes when it is to take a VM over. */
const CRASHING = `#!/bin/sh
case " $* " in *" -incoming defer "*) kill -SEGV $$ ;; esac
exec /usr/bin/qemu-system-x86_64.real "$@"`;

const isPossible = canMakeDebian() && OwnInit.isPossible;
if (!isPossible) {
  console.warn("No root, no mmdebstrap or no control groups: no stranger");
}

/** What a command came to. */
/** Some VMs are outdated, or not ready. */
const SOME = 3;

function assertEnd({ code, stdout, stderr }: Ended, expected = 0): void {
  assertEquals(code, expected, `${stdout}\n${stderr}`);
}

/** Asserts that a command prints what a document shows, up to its figures. */
function assertShows(shown: string, { stdout, stderr }: Ended): void {
  const [words = ""] = shown.split(/\d/);
  assert(words.length > 10, shown);
  assert(
    `\n${stdout}`.includes(`\n${words}`),
    `${words}\n${stdout}\n${stderr}`,
  );
}

Deno.test("a stranger's path", { ignore: !isPossible }, async (t) => {
  await using host = await StrangerHost.start(await bareDebian());
  /** The cprctl of this host's PATH, as root. */
  const root = (script: string) => host.root(script);
  const inClone = (script: string) =>
    host.stranger(`cd cprctl\n${withoutDeno(script)}`);
  const socket = (name: string) => host.path(`/run/vm/${name}.qmp`);
  let failed = false;
  /** Each begins where the one before has ended. */
  const step = async (name: string, fn: () => Promise<void>) => {
    failed = !await t.step({ name, ignore: failed, fn }) || failed;
  };
  let accelerated = (options: string) => options;
  let web: Guest;
  let db: Guest;

  /** A newer QEMU in the repository, and on the host. */
  const upgrade = async (script = "") => {
    const said = await root(`${REPOSITORY}
      publish new '${script.replaceAll("'", `'\\''`)}'
      upgrade`);
    assertEnd(said);
    return said.stdout;
  };

  await step("a host with Node, git, QEMU and sudo", async () => {
    await Deno.writeFile(host.path("/srv/disk.img"), bootDisk(DISK_BYTES));
    assertEnd(
      await root(`
      useradd --create-home --shell /bin/bash ${STRANGER}
      echo '${SUDOERS}' >/etc/sudoers.d/stranger
      git config --system --add safe.directory '*'
      mkdir /run/vm`),
    );
    // /dev/kvm can be there and refuse.
    const { code } = await root(
      "echo quit | qemu-system-x86_64 -accel kvm -cpu host -S -display none " +
        "-monitor stdio",
    );
    if (code !== 0) {
      accelerated = (options) =>
        options.replaceAll("-accel kvm -cpu host", "-accel tcg");
    }
  });

  await step("clone, and try it", async () => {
    assertEnd(await host.stranger("git clone --quiet /srv/source cprctl"));
    const [demo = "", tests] = (await block(README, "Try it")).split("\n");
    // The gate of every change runs the tests; not once more in here.
    assertEquals(tests, "npx -y deno@2.9.6 task test");
    const said = await inClone(demo);
    assertEnd(said);
    assertShows((await blocks(README, "Try it"))[1] ?? "", said);
  });

  await step("install", async () => {
    const install = await block(README, "Install");
    const compile = withoutDeno(await block(OPERATING, "One file"));
    assertStringIncludes(install, compile);
    assertEnd(await inClone(install));
    const said = await root("cprctl version");
    assertEquals(said.stdout, `cprctl ${VERSION}\n`, said.stderr);
    assertEnd(await inClone("cd dist && sha256sum --check cprctl.sha256"));
  });

  await step("start VMs as the README has it", async () => {
    const line = accelerated(await block(README, "What a VM needs")).trim();
    for (const name of ["web", "db"]) {
      assertEnd(
        await root(`cd /run/vm
        qemu-img convert -O qcow2 /srv/disk.img ${name}.qcow2
        ${IDLE} ${line.replaceAll("web", name)} >${name}.log 2>&1 &`),
      );
    }
    web = await Guest.at(socket("web"));
    db = await Guest.at(socket("db"));
    const { stdout } = await root("cprctl list");
    assertStringIncludes(stdout, "web");
    assertStringIncludes(stdout, "db");
  });

  await step("upgrade QEMU; check and update", async () => {
    const pid = await web.pid();
    await upgrade();
    assertStringIncludes(await web.executable(), " (deleted)");
    const session = await block(README, "Check, update, roll back");
    const commands = typed(session);
    assertEquals(commands.length, 2);
    for (const command of commands) {
      const said = await root(command);
      assertEnd(said);
      assertShows(shownBelow(session, command), said);
    }
    await web.assertLivesOn();
    assertEquals(
      [await web.pid(), await web.executable()],
      [pid, "/usr/bin/qemu-system-x86_64"],
    );
  });

  await step("upgrade to a QEMU that crashes; roll back", async () => {
    await upgrade(CRASHING);
    const session = await block(README, "Check, update, roll back", 1);
    const [command = "", ...more] = typed(session);
    assertEquals(more, []);
    const said = await root(command);
    assertEnd(said, 4);
    assertShows(shownBelow(session, command), said);
    await db.assertLivesOn();
    assertEnd(await root("cprctl recover"));
  });

  await step("the Debian package", async () => {
    assertEnd(await root("rm /usr/local/bin/cprctl"));
    const said = await inClone(await block(OPERATING, "Debian package"));
    assertEnd(said);
    const { stdout, stderr } = await root(
      "cprctl version --json; dpkg --verify cprctl; dpkg-query -W cprctl",
    );
    assertStringIncludes(stdout, `cprctl\t${VERSION}\n`, stderr);
    const note = await upgrade();
    assertStringIncludes(note, "cprctl: QEMU was upgraded, and VMs run on");
    const steps = (await block(OPERATING, "Update")).trim().split("\n");
    for (const step of steps) {
      const { code, stdout, stderr } = await root(
        // The names are those of the reader's VMs.
        step.replace("'web-*'", "'we*'"),
      );
      assertEquals([step, code], [step, 0], stdout + stderr);
    }
    for (const guest of [web, db]) {
      await guest.assertLivesOn();
      assertEquals(await guest.executable(), "/usr/bin/qemu-system-x86_64");
    }
  });

  await step("an existing VM, without a restart of the guest", async () => {
    const heading = "An existing VM, without a restart of the guest";
    const line = "qemu-system-x86_64 -name web2 -accel kvm -cpu host -m 2G " +
      "-machine q35 -drive file=web2.qcow2,if=virtio " +
      "-qmp unix:/run/vm/web2.qmp,server=on,wait=off";
    assertEnd(
      await root(`cd /run/vm
      qemu-img convert -O qcow2 /srv/disk.img web2.qcow2
      ${IDLE} ${accelerated(line).trim()} >>web2.log 2>&1 &`),
    );
    await until("it is there", TIMEOUT_MS, () => exists(socket("web2")));
    await upgrade();
    assertEnd(await root(await block(OPERATING, heading)));
    const web2 = await Guest.at(socket("web2"));
    await upgrade();
    const within = await block(OPERATING, "Predicted downtime");
    const inTime = within.replace("a.qmp", "web2.qmp").replace("200", "600000");
    assertEnd(await root(inTime));
    const waits = await block(OPERATING, "Backups and other jobs");
    await upgrade();
    assertEnd(await root(waits.replace("a.qmp", "web2.qmp")));
    const measures = await block(OPERATING, "Predicted downtime", 1);
    assertEnd(
      await root(
        measures.replace("a.qmp", "web2.qmp")
          .replace("4711", "$(pgrep --full '[n]ame web2 ')"),
      ),
    );
    // The others were not updated since the upgrade.
    const outdated = await block(OPERATING, "After an upgrade of packages");
    assertEnd(await root(outdated), SOME);
    assertEnd(await root(await block(OPERATING, "Prepare a VM")), SOME);
    const auto = await block(OPERATING, "Another process, and less downtime");
    assertEnd(await root(auto));
    await web2.assertLivesOn();
    assertEquals(await web2.executable(), "/usr/bin/qemu-system-x86_64");
  });

  await step("every command that the text names", async () => {
    const INSPECT = ["docs/inspect.md", "What `inspect` shows"] as const;
    const machine = "-machine virt,aux-ram-share=on -monitor stdio -object " +
      "memory-backend-memfd,id=ram0,size=64M,share=on";
    assertEnd(
      await root(`cd /tmp
      printf '%s\\n' 'migrate file:/tmp/vm.state' quit |
        cprctl machine ${machine} >machine.log
      qemu-system-x86_64 -M q35 -accel tcg -dump-vmstate vm.json
      cp vm.state before.state
      cp vm.state after.state
      ${await block(...INSPECT)}
      ${(await block(...INSPECT, 1)).replace("env.regs", "x")}`),
    );
    /** For each placeholder; the first that is there. */
    const values: readonly (readonly [string, string])[] = [
      ["compat OLD NEW", "compat vm.json vm.json"],
      ["OLD NEW", "vm.state vm.state"],
      ["SOCKET", "/run/vm/web.qmp"],
      ["FILE.prom", "metrics.prom"],
      ["FILE", "vm.state"],
      ["PID", "1"],
      ["DOCUMENT", "list"],
      ["SHELL", "zsh"],
      ["COMMAND…", "true"],
      ["COMMAND", "true"],
      ["…", machine],
    ];
    /** Those that end otherwise: nothing was handed over, none waits. */
    const ends: Readonly<Record<string, number>> = {
      "cprctl exec -- true": 5,
      "cprctl inspect --pid 1": 1,
      "cprctl list --outdated": SOME,
      "cprctl measure --pid 1 -- true": 1,
    };
    const all = await named([README, "docs"]);
    // A name alone is no command line where one follows it elsewhere.
    const lines = all.filter((it) => !all.some((x) => x.startsWith(`${it} `)));
    assert(lines.length > 20, `${lines.length}`);
    for (const line of lines) {
      const filled = values.reduce(
        (text, [name, value]) => text.replace(name, value),
        line,
      );
      const { code, stdout, stderr } = await root(
        `cd /tmp\necho quit | ${filled}`,
      );
      assertEquals(
        [filled, code],
        [filled, ends[filled] ?? 0],
        stdout + stderr,
      );
    }
    for (const guest of [web, db]) await guest.assertLivesOn();
  });

  await step("under systemd", async () => {
    const settings = accelerated(await block(SYSTEMD, "Under systemd"));
    assertEnd(
      await root(`
      for name in web web2 db; do
        pkill --full "name $name "
      done
      mkdir /etc/qemu
      cp /run/vm/web.qcow2 /srv
      cp /usr/share/doc/cprctl/examples/qemu@.service /etc/systemd/system
      mkdir /etc/systemd/system/qemu@.service.d
      printf '[Service]\\nNice=5\\n' >/etc/systemd/system/qemu@.service.d/idle.conf
      systemctl daemon-reload
      cat >/etc/qemu/web.conf <<'END'\n${settings}END`),
    );
    const [start = "", update = "", ...more] =
      (await block(SYSTEMD, "Under systemd", 1)).trim().split("\n");
    assertEquals(more, []);
    assertEnd(await root(start));
    web = await Guest.at(host.path("/run/qemu/web/qmp.sock"));
    await upgrade();
    assertEnd(await root(update));
    await web.assertLivesOn();
    assertEquals(await web.executable(), "/usr/bin/qemu-system-x86_64");
    for (
      const script of [
        await block(OPERATING, "Under systemd"),
        "systemctl is-active qemu@web cprctl-update-all.timer",
        await block(OPERATING, "At 3 a.m."),
        "journalctl -u 'cprctl*' | grep -q 'web runs on QEMU'",
      ]
    ) assertEnd(await root(script));
  });

  await step("Ansible: two VMs, one of which is refused", async () => {
    const disk = "fat:rw:/srv/odd";
    assertEnd(
      await root(`
      systemctl disable --now cprctl-update-all.timer cprctl-recover.service
      apt-get purge --yes --quiet=2 cprctl
      mkdir /srv/odd
      sed "s,OPTIONS=.*,& -drive file=${disk}\\,format=raw\\,if=virtio," \\
        /etc/qemu/web.conf >/etc/qemu/odd.conf
      sed -i s,/srv/web.qcow2,/srv/odd.qcow2, /etc/qemu/odd.conf
      cp /run/vm/db.qcow2 /srv/odd.qcow2
      systemctl start qemu@odd
      ${REPOSITORY}
      publish ansible`),
    );
    const odd = await Guest.at(host.path("/run/qemu/odd/qmp.sock"));
    const page = "cprctl.qemu";
    assertEnd(await inClone(await block(ANSIBLE, page)));
    assertEnd(
      await inClone(`cat >install.yml <<'END'
${await block(ANSIBLE, page, 1)}END
cat >hosts <<'END'
[hypervisors]
localhost ansible_connection=local
END`),
    );
    const [install = "", check = "", play = "", ...more] =
      (await block(ANSIBLE, page, 2)).trim().split("\n");
    assertEquals(more, []);
    const first = await inClone(`${install} --check`);
    assertEnd(first);
    for (const script of [install, check]) {
      assertEnd(await inClone(script));
    }
    const played = await inClone(play);
    assertEnd(played);
    assertStringIncludes(played.stdout, "stayed on their old QEMU");
    assertStringIncludes(played.stdout, "/run/qemu/odd/qmp.sock: ");
    // A person reads this: no report in one line.
    const widest = Math.max(
      ...played.stdout.split("\n").map(({ length }) => length),
    );
    assert(widest < 1000, `${widest}\n${played.stdout}`);
    for (const guest of [web, odd]) await guest.assertLivesOn();
    assertEquals(
      await web.executable(),
      "/usr/bin/qemu-system-x86_64",
      played.stdout,
    );
    assertStringIncludes(await odd.executable(), " (deleted)");
    const again = await inClone(play);
    assertEnd(again);
    assert(/changed=0/.test(again.stdout), again.stdout);
  });

  await step("nothing that documents show was left out", async () => {
    // tests/machine/e2e/by_hand_test.ts types the one on a terminal, and
    // tests/libvirt has domains for the other.
    const elsewhere = /^docs\/(by-hand|libvirt)\.md: /;
    const left = await untaken([README, "docs", "scripts"]);
    assertEquals(left.filter((it) => !elsewhere.test(it)), []);
  });
});
