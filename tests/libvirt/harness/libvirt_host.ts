/**
 * A host of its own with libvirt's daemon and QEMU: a Debian with or without
 * systemd, in namespaces and on a network of its own. Its files are the folder's, its
 * changes in memory; nothing is left of it.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { VHOST_NET } from "../../../lib/update/process/vhost_net.ts";
import type { Accelerator } from "../../../testing/qemu/mod.ts";
import { canMakeDebian, debian } from "../../../testing/program/debian.ts";
import { OwnInit } from "../../../testing/program/own_init.ts";
import { cprctlWords } from "../../../testing/program/program.ts";
import type { Ended } from "../../../testing/program/run.ts";
import { until } from "../../../testing/program/until.ts";
import {
  type QemuBuilds,
  qemuBuilds,
  toolOf,
} from "../../../testing/qemu/builds/builds.ts";
import { VHOST_NODE, vhostLibrary } from "../../../testing/qemu/vhost.ts";
import { domainXml } from "./domain_xml.ts";
import { bootDisk } from "./guest.ts";

const SOURCE = new URL("../../../", import.meta.url).pathname;
const TIMEOUT_MS = 60_000;
const CONSOLE_S = 30;
const DISK_BYTES = 16 << 20;

/** What process 1 can be, and how it is started. */
const INITS = {
  /** It reaps, and ends nothing. */
  bash: "sleep infinity & wait",
  systemd: "exec env -i container=cprctl PATH=/usr/sbin:/usr/bin " +
    "/usr/lib/systemd/systemd --system --unit=basic.target",
} as const;

/** The name of a process 1. */
export type Init = keyof typeof INITS;

/** The arguments of mknod. */
const KVM = "/dev/kvm c 10 232";
const VHOST = `${VHOST_NET} ${VHOST_NODE.join(" ")}`;

/** Answers QEMU's vhost requests in the place of the kernel. */
const VHOST_LIBRARY = "/usr/local/lib/vhost.so";

const START = `set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 none /mnt
cd /mnt
mkdir above work host
mount -t overlay none -o "lowerdir=$1,upperdir=above,workdir=work" host
cd host
export CPRCTL_INIT="$2"
shift 2
mount -t proc proc proc
mount -t cgroup2 cgroup2 sys/fs/cgroup 2>/dev/null || true
mount -t tmpfs -o mode=755 none dev
mkdir dev/net dev/pts dev/shm
for name in null zero full random urandom tty net/tun; do
  : >"dev/$name"
  mount --bind "/dev/$name" "dev/$name"
done
mount -t devpts -o newinstance,ptmxmode=666 none dev/pts
mount -t tmpfs -o mode=1777 none dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=755 none run
mount -t tmpfs -o mode=1777 none tmp
for folder do
  mkdir -p "./$folder"
  mount --bind "$folder" "./$folder"
done
mkdir -p srv/outside
pivot_root . srv/outside
umount -l /srv/outside
exec unshare --net /bin/bash -c '
  mount -t sysfs -o ro sysfs /sys
  mount -t cgroup2 cgroup2 /sys/fs/cgroup
  ip link set lo up
  eval "$CPRCTL_INIT"'`;

/** What libvirt's defaults do not allow, and where they log. */
const CONFIGURE = `
rm -f /usr/bin/qemu-system-*
printf 'seccomp_sandbox = 0\\nstdio_handler = "file"\\n' >>/etc/libvirt/qemu.conf
printf 'auth_unix_rw = "none"\\nunix_sock_group = "root"\\n' \\
  >>/etc/libvirt/libvirtd.conf
mkdir -p /var/lib/libvirt/images /run/lock`;

/** Which daemon manages the domains. */
export type Daemon = "libvirtd" | "virtqemud";

/** Debian has no virtqemud: here it is a libvirtd with another name. */
const MAKE_VIRTQEMUD = `
cp /usr/sbin/libvirtd /usr/sbin/virtqemud
cd /usr/lib/systemd/system
for unit in libvirtd.service libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket; do
  sed "s/libvirtd/virtqemud/; s,/libvirt-,/virtqemud-,
    s/^\\[Socket\\]/&\\nFileDescriptorName=$unit/" $unit >virtqemud\${unit#libvirtd}
done`;

/** How the daemon is started. */
const DAEMONS: Readonly<Record<Init, (daemon: Daemon) => string>> = {
  bash: (daemon) => `${daemon} --daemon --pid-file /run/${daemon}.pid`,
  systemd: (daemon) => `systemctl start ${unitsOf(daemon)}`,
};

/** Its units. */
export function unitsOf(daemon: Daemon): string {
  return `${daemon}.socket ${daemon}-ro.socket ${daemon}-admin.socket ` +
    `${daemon}.service`;
}

/** Whether to do all, which takes long; some of it by default. */
export const WHOLE = Deno.env.get("CPRCTL_LIBVIRT") === "whole";

/** How a domain is made. */
export interface DomainOptions {
  /** Whether its RAM is shared; true by default. */
  readonly shared?: boolean;
  /** With KVM libvirt passes vhost. */
  readonly accelerator?: Accelerator;
}

/** A running host. */
export class LibvirtHost implements AsyncDisposable {
  readonly #init: OwnInit;

  private constructor(
    readonly builds: QemuBuilds,
    init: OwnInit,
    private readonly daemonName: Daemon,
  ) {
    this.#init = init;
  }

  /** Whether this machine lets the suite have one. */
  static get isPossible(): boolean {
    return canMakeDebian() && OwnInit.isPossible;
  }

  /** Starts it, with the older QEMU at {@linkcode EMULATOR}. */
  static async start(
    init: Init,
    daemon: Daemon = "libvirtd",
  ): Promise<LibvirtHost> {
    const builds = await qemuBuilds();
    const root = await debian({
      name: "libvirt",
      suites: ["forky"],
      packages: [
        ..."iproute2 libvirt-clients libvirt-daemon".split(" "),
        ..."libvirt-daemon-driver-qemu qemu-system-x86".split(" "),
      ],
    });
    const folders = new Set([
      SOURCE,
      ...cprctlWords().slice(0, 1).map(folderOf),
      folderOf(Deno.execPath()),
      await denoFolder(),
      folderOf(folderOf(folderOf(folderOf(builds.old.binary)))),
    ]);
    const folder = await Deno.makeTempDir({ prefix: "cprctl-libvirt-" });
    const host = new LibvirtHost(
      builds,
      await OwnInit.start(
        folder,
        START,
        [root, INITS[init], ...folders],
        `/${init}`,
      ),
      daemon,
    );
    try {
      await host.install("old");
      await host.root(CONFIGURE + MAKE_VIRTQEMUD);
      await until(
        "process 1 answers",
        TIMEOUT_MS,
        async () => (await host.run(DAEMONS[init](daemon))).code === 0,
      );
      await until(
        "libvirt answers",
        TIMEOUT_MS,
        async () => (await host.run("virsh list")).code === 0,
      );
      return host;
    } catch (error) {
      await host[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Puts a QEMU where the domains are started from. */
  async install(build: "old" | "new"): Promise<void> {
    await this.root(`ln -sfn ${this.builds[build].binary} ${EMULATOR}`);
  }

  /** Makes a program that fails once it is executed in the place of a QEMU. */
  async installBad(): Promise<string> {
    const path = "/usr/local/bin/bad-qemu";
    await this.write(
      path,
      `#!/bin/sh\n[ -n "$QEMU_CPR_EXEC_STATE" ] && exit 3\n` +
        `exec ${EMULATOR} "$@"\n`,
    );
    await this.root(`chmod 755 ${path}`);
    return path;
  }

  /** Defines and starts a domain with all that domains usually have. */
  async boot(
    name: string,
    { shared = true, accelerator = "tcg" }: DomainOptions = {},
  ) {
    const images = `/var/lib/libvirt/images/${name}`;
    const tool = toolOf(this.builds.old, "qemu-img");
    const type = accelerator === "kvm" ? "kvm" : "qemu";
    if (type === "kvm") {
      await this.root(`mknod -m 666 ${KVM}; mknod -m 600 ${VHOST}`);
      await this.write(VHOST_LIBRARY, vhostLibrary());
    }
    const environment = type === "kvm" ? { LD_PRELOAD: VHOST_LIBRARY } : {};
    const options = { type, emulator: EMULATOR, shared, environment } as const;
    await this.write(`/root/${name}.xml`, domainXml(name, options));
    await this.write(`${images}-b.img`, bootDisk(DISK_BYTES));
    await this.root(`
${tool} create -q -f qcow2 ${images}-a.qcow2 64M
virsh define /root/${name}.xml
virsh start ${name}`);
  }

  /** Writes a file of the host. */
  async write(path: string, content: string | Uint8Array): Promise<void> {
    const bytes = typeof content === "string"
      ? new TextEncoder().encode(content)
      : content;
    await Deno.writeFile(`/proc/${this.#init.pid}/root${path}`, bytes);
  }

  /** What the guest answers to a character on the terminal; "" if nothing. */
  async say(name: string, character: string): Promise<string> {
    const answer = await this.root(`cd "$(mktemp -d)"
mkfifo keys
timeout ${CONSOLE_S} script -qec 'virsh console ${name}' /dev/null <keys >screen &
exec 3>keys
eventually() {
  for _ in $(seq 100); do
    if "$@"; then return; fi
    sleep 0.05
  done
}
eventually grep -q ^Escape screen
printf '${character}' >&3
answer() { sed '1,/^Escape/d' screen | grep .; }
eventually answer
printf '\\035' >&3
wait`);
    return answer.trim();
  }

  /** What virsh says, which has to succeed. */
  async virsh(command: string): Promise<string> {
    return (await this.root(`virsh ${command}`)).trim();
  }

  /** The process of a domain, inside. */
  async pid(name: string): Promise<number> {
    return Number(await this.root(`cat /run/libvirt/qemu/${name}.pid`));
  }

  /** The process of the daemon, inside. */
  async daemon(): Promise<number> {
    return Number(await this.root(`cat /run/${this.daemonName}.pid`));
  }

  /** Runs cprctl. */
  async cprctl(words: string): Promise<Ended> {
    return await this.run(`${cprctlWords().join(" ")} ${words}`);
  }

  /** What a script prints, which has to succeed. */
  async root(script: string): Promise<string> {
    const { code, stdout, stderr } = await this.run(`set -e\n${script}`);
    assertEquals(code, 0, `${script}\n${stdout}\n${stderr}`);
    return stdout;
  }

  /** Runs a script of the shell. */
  async run(script: string): Promise<Ended> {
    const path = "/usr/sbin:/usr/bin:/sbin:/bin";
    const variables = [
      ...["HOME=/root", "LC_ALL=C.UTF-8", "NO_COLOR=1"],
      "LIBVIRT_DEFAULT_URI=qemu:///system",
      `PATH=${path}:${folderOf(Deno.execPath())}`,
      `DENO_DIR=${await denoFolder()}`,
    ];
    return await this.#init.run(["--all", "--root"], [
      ...["env", "-i", ...variables, "/bin/sh", "-c"],
      `cd /root || exit; ${script}`,
    ], TIMEOUT_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#init[Symbol.asyncDispose]();
  }
}

/** From where domains are started. */
export const EMULATOR = "/usr/local/bin/qemu";

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

/** Where the runtime keeps the packages that it has fetched. */
async function denoFolder(): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json"],
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).output();
  return JSON.parse(new TextDecoder().decode(stdout)).denoDir;
}
