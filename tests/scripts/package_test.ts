/** The Debian package, built, looked at, and installed on a host of its own. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { VERSION } from "../../lib/version.ts";
import { exists } from "../../testing/program/exists.ts";
import { type Ended, runProgram } from "../../testing/program/run.ts";

const PACKAGE = new URL("../../scripts/package.ts", import.meta.url).pathname;
const ARCHITECTURE = Deno.build.arch === "x86_64" ? "amd64" : "arm64";
const NAME = `cprctl_${VERSION}_${ARCHITECTURE}.deb`;
const SECONDS = "1700000000";

const ignore = !exists("/usr/bin/dpkg-deb");
if (ignore) console.warn("No dpkg: the tests of the package wait");

let folder = "";

Deno.test.beforeAll(async () => {
  if (ignore) return;
  folder = await Deno.makeTempDir({ prefix: "cprctl-test-" });
  await Deno.chmod(folder, 0o755);
  await build(`${folder}/first`);
});

Deno.test.afterAll(async () => {
  if (folder !== "") await Deno.remove(folder, { recursive: true });
});

async function build(
  into: string,
  ...words: readonly string[]
): Promise<void> {
  const { code, stdout, stderr } = await runProgram([
    ...[Deno.execPath(), "run", "--allow-all", "--no-check", PACKAGE] as const,
    ...["--into", into],
    ...words,
  ], {
    env: {
      NO_COLOR: "1",
      DEBEMAIL: "cprctl@debian.org",
      SOURCE_DATE_EPOCH: SECONDS,
    },
  });
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(stdout, `Made ${into}/${NAME}, `);
}

Deno.test("two builds make the same bytes", { ignore }, async () => {
  // Of the runtime, as much as the build looks at: it is only copied.
  const runtime = `${folder}/deno`;
  await Deno.writeFile(
    runtime,
    (await Deno.readFile(Deno.execPath())).slice(0, 4096),
  );
  const builds = ["second", "third"].map((name) => `${folder}/${name}`);
  for (const into of builds) await build(into, "--runtime", runtime);
  for (const name of [NAME, `${NAME}.sha256`]) {
    const [second, third] = builds.map((into) =>
      Deno.readFileSync(`${into}/${name}`)
    );
    assertEquals(third, second);
  }
  const { stdout } = await runProgram(
    ["sha256sum", "--check", "--strict", `${NAME}.sha256`],
    { cwd: `${folder}/first` },
  );
  assertEquals(stdout, `${NAME}: OK\n`);
});

Deno.test("lintian finds no fault with it", {
  ignore: ignore || !exists("/usr/bin/lintian"),
}, async () => {
  const { code, stdout } = await runProgram(
    ["lintian", "--no-cfg", "--fail-on=error,warning", `first/${NAME}`],
    { cwd: folder },
  );
  assertEquals([code, stdout], [0, ""]);
});

Deno.test("apt shows whole sentences, none too wide", { ignore }, async () => {
  const { stdout } = await runProgram(
    ["dpkg-deb", "--field", `first/${NAME}`, "Description"],
    { cwd: folder },
  );
  const [title = "", ...lines] = stdout.trimEnd().split("\n");
  assert(title.length <= 60, title);
  for (const line of lines) {
    assert(/^ \S/.test(line) && line.length <= 80, line);
  }
  const text = lines.map((line) => line.slice(1)).join(" ");
  for (const paragraph of text.split(" . ")) {
    assert(/^\S+( \S+)*[.]$/.test(paragraph), paragraph);
  }
});

/** Whether a host can be laid over this one that keeps nothing. */
async function canOverlay(): Promise<boolean> {
  if (ignore) return false;
  const { code } = await runProgram([
    "unshare",
    "--mount",
    "/bin/sh",
    "-c",
    LAY,
  ]);
  return code === 0;
}

/** This host's files and its dpkg, in /mnt/host; what changes is in memory. */
const LAY = `
  set -e
  mount -t tmpfs none /mnt
  cd /mnt
  mkdir above work host
  mount -t overlay none -o lowerdir=/,upperdir=above,workdir=work host
  mount -t proc none host/proc
  mount --rbind /dev host/dev
  for place in run tmp; do mount -t tmpfs -o mode=1777 none host/$place; done
`;

const ignoreHost = !await canOverlay();
if (ignoreHost) console.warn("No overlay: the package is not installed");

/** Runs a script where the package is installed; nothing outlives it. */
async function onHost(script: string): Promise<Ended> {
  const words = ["--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-c"];
  const go = `cp "${folder}/first/${NAME}" host/tmp/cprctl.deb
    exec chroot host env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
      DEBIAN_FRONTEND=noninteractive LC_ALL=C /bin/sh -c "$0"`;
  const install = `cd /tmp
    dpkg --install /tmp/cprctl.deb >/tmp/log 2>&1 || cat /tmp/log\n`;
  return await runProgram(["unshare", ...words, LAY + go, install + script]);
}

Deno.test("what is installed runs, and updates a machine", {
  ignore: ignoreHost,
}, async () => {
  const { stdout, stderr } = await onHost(`
    cprctl version
    man --where cprctl
    zcat /usr/share/man/man1/cprctl.1.gz | grep -c '^.SS'
    dpkg --verify cprctl
    touch before
    cprctl recover
    cprctl machine -machine virt,aux-ram-share=on -name packed \\
      -object memory-backend-memfd,id=ram0,size=64M,share=on \\
      -qmp unix:/tmp/packed.qmp,server=on,wait=off &
    until [ -S packed.qmp ]; do sleep 0.1; done
    cprctl check --qmp packed.qmp --json | grep '^  "outcome"'
    cprctl update --qmp packed.qmp --force --json | grep '^  "outcome"'
    cprctl list --json | grep '"name"'
    find /usr -newer before ! -type d`);
  const lines = stdout.split("\n");
  assertEquals(lines.slice(0, 2), [
    `cprctl ${VERSION}`,
    "/usr/share/man/man1/cprctl.1.gz",
  ], stderr);
  assert(Number(lines[2]) > 10, "the manual page lacks commands");
  assertEquals(lines.slice(3).map((line) => line.trim()), [
    "No unfinished update was found",
    '"outcome": "up-to-date",',
    '"outcome": "updated",',
    '"name": "packed",',
    "",
  ], stderr);
});

Deno.test("what the package brings, and that none of it is enabled", {
  ignore: ignoreHost,
}, async () => {
  const { stdout } = await onHost(`
    dpkg --listfiles cprctl | grep -v '^/usr/lib/cprctl/' | sort
    find /etc -path '*wants*' -name 'cprctl*'
    grep -h ^ExecStart= /usr/lib/systemd/system/cprctl*
    bash -nc "$(cat /usr/share/bash-completion/completions/cprctl)"
    dpkg --purge cprctl >/dev/null
    find / -xdev -name '*cprctl*' ! -path '/tmp/*' ! -path '*/work/*' -newer /tmp/log`);
  for (
    const line of [
      "/usr/bin/cprctl",
      "/etc/default/cprctl",
      "/usr/lib/systemd/system/cprctl-recover.service",
      "/usr/lib/systemd/system/cprctl-update-all.service",
      "/usr/lib/systemd/system/cprctl-update-all.timer",
      "/usr/lib/systemd/system/cprctl-update@.service",
      "/usr/lib/tmpfiles.d/cprctl.conf",
      "/usr/share/bash-completion/completions/cprctl",
      "/usr/share/doc/cprctl/copyright",
      "/usr/share/fish/vendor_completions.d/cprctl.fish",
      "/usr/share/man/man1/cprctl.1.gz",
      "/usr/share/zsh/vendor-completions/_cprctl",
    ]
  ) assertStringIncludes(stdout, `${line}\n`);
  assert(
    stdout.endsWith(
      "ExecStart=/usr/bin/cprctl recover\n" +
        "ExecStart=/usr/bin/cprctl update --all\n" +
        "ExecStart=/usr/bin/cprctl update --qmp /run/qemu/%i/qmp.sock\n",
    ),
    stdout,
  );
});

/** A package with a QEMU in it, and a VM that runs the one before. */
const UPGRADE = `
  mkdir -p qemu/DEBIAN qemu/usr/bin
  printf '%s\\n' 'Package: of-a-test' 'Version: 1' 'Architecture: all' \\
    'Maintainer: A <a@debian.org>' 'Description: a QEMU' >qemu/DEBIAN/control
  echo new >qemu/usr/bin/qemu-system-x86_64
  dpkg-deb --build qemu >/dev/null
  upgrade() {
    dpkg --install --force-overwrite qemu.deb 2>&1 | grep '^cprctl:'
  }
`;

Deno.test("after a QEMU was upgraded it tells, and updates if it is to", {
  ignore: ignoreHost,
}, async () => {
  const { stdout, stderr } = await onHost(`
    ${UPGRADE}
    upgrade
    echo no VM
    cp /bin/sleep /tmp/qemu-system-x86_64
    /tmp/qemu-system-x86_64 1000 &
    upgrade
    mkdir -p /run/systemd/system /usr/local/sbin
    printf '#!/bin/sh\\necho "cprctl: systemctl $*"\\n' >/usr/sbin/systemctl
    chmod +x /usr/sbin/systemctl
    sed -i 's/=no$/=yes/' /etc/default/cprctl
    upgrade`);
  assertEquals(
    stdout,
    `no VM
cprctl: QEMU was upgraded, and VMs run on the old one: see cprctl list,
cprctl: then cprctl update --all (or set UPDATE_AFTER_UPGRADE in /etc/default/cprctl)
cprctl: QEMU was upgraded: cprctl-update-all.service moves the VMs to it
cprctl: systemctl start --no-block cprctl-update-all.service
`,
    stderr,
  );
});

Deno.test("it is not taken away from under a cprctl that is at work", {
  ignore: ignoreHost,
}, async () => {
  // Its scripts wait for a minute, by a sleep that is none here.
  const { stdout, stderr } = await onHost(`
    mkdir bin; ln -s /bin/true bin/sleep; chmod 0755 bin
    mkfifo hold
    cprctl diff hold hold &
    exec 3>hold
    try() {
      PATH=/tmp/bin:$PATH dpkg "$@" >log 2>&1
      echo $? $(grep -c 'A cprctl is at work' log)
    }
    try --remove cprctl
    try --install cprctl.deb
    cprctl version
    exec 3>&-
    wait
    dpkg --remove cprctl >/dev/null; echo $?`);
  assertEquals(stdout, `1 1\n1 2\ncprctl ${VERSION}\n0\n`, stderr);
});
