/**
 * A host of its own for a stranger: a bare Debian with systemd as process 1. Its
 * files are the folder's, its changes in memory.
 *
 * @module
 */

import { OwnInit } from "../../../testing/program/own_init.ts";
import { MARK } from "../../../testing/program/reaper.ts";
import type { Ended } from "../../../testing/program/run.ts";
import { until } from "../../../testing/program/until.ts";
import { run } from "../../../testing/qemu/builds/child.ts";

const SOURCE = new URL("../../../", import.meta.url).pathname;
const START_TIMEOUT_MS = 60_000;
const STEP_TIMEOUT_MS = 600_000;

/** Who reads the README. */
export const STRANGER = "stranger";

/** Of this machine's environment, what its network needs. */
const OF_NETWORK =
  /^(https?_proxy|no_proxy|NODE_EXTRA_CA_CERTS|SSL_CERT_\w+)$/i;

/**
 * Devices are few, and what the kernel shares with this machine cannot be
 * written to: systemd would set it up for a host that is really its own.
 */
const START = `set -e
mount --make-rprivate /
mount -t tmpfs -o mode=755 none /mnt
cd /mnt
mkdir above work host
mount -t overlay none -o "lowerdir=$1,upperdir=above,workdir=work" host
cd host
mount -t proc proc proc
mount --bind proc/sys proc/sys
mount -o remount,bind,ro proc/sys
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 none dev
for name in null zero full random urandom tty kvm; do
  [ -e "/dev/$name" ] || continue
  : >"dev/$name"
  mount --bind "/dev/$name" "dev/$name"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=666 none dev/pts
mount -t tmpfs -o mode=1777 none dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
for place in 0:stdin 1:stdout 2:stderr; do
  ln -s "/proc/self/fd/\${place%:*}" "dev/\${place#*:}"
done
mount -t tmpfs -o mode=755 none run
mount -t tmpfs -o mode=1777 none tmp
cp /etc/resolv.conf /etc/hosts etc
mount --bind -o ro /etc/ssl/certs etc/ssl/certs
mkdir srv/source srv/outside
mount --bind -o ro "$2" srv/source
# Documents are wanted again, and no other packages than a test's own.
rm -f etc/dpkg/dpkg.cfg.d/* etc/apt/apt.conf.d/99mmdebstrap
rm -f etc/apt/sources.list etc/apt/sources.list.d/*
pivot_root . srv/outside
umount -l /srv/outside
exec env -i container=cprctl "$3=$4" PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
  /lib/systemd/systemd --system --unit=basic.target`;

/** A running host; all that was started on it ends with it. */
export class StrangerHost implements AsyncDisposable {
  readonly #init: OwnInit;
  readonly #environment: readonly string[];

  private constructor(init: OwnInit, environment: readonly string[]) {
    this.#init = init;
    this.#environment = environment;
  }

  /** Starts it with the files of a folder. */
  static async start(root: string): Promise<StrangerHost> {
    const folder = await Deno.makeTempDir({ prefix: "cprctl-stranger-" });
    const environment = await networkEnvironment();
    const host = new StrangerHost(
      await OwnInit.start(folder, START, [root, SOURCE, MARK, folder]),
      environment,
    );
    try {
      await until("the host is up", START_TIMEOUT_MS, () => host.#isUp());
      return host;
    } catch (error) {
      await host[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** A path of the host, from outside. */
  path(inside: string): string {
    return `/proc/${this.#init.pid}/root${inside}`;
  }

  /** Runs a shell script as root, to its first failing command. */
  async root(script: string): Promise<Ended> {
    return await this.#run("/root", [], script);
  }

  /** The same as the stranger, who may use sudo. */
  async stranger(script: string): Promise<Ended> {
    const become = ["--reuid", STRANGER, "--regid", STRANGER, "--init-groups"];
    return await this.#run(
      `/home/${STRANGER}`,
      ["setpriv", ...become],
      script,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#init[Symbol.asyncDispose]();
  }

  #run(
    home: string,
    become: readonly string[],
    script: string,
  ): Promise<Ended> {
    const path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    const variables = [
      `HOME=${home}`,
      `PATH=${path}`,
      "LC_ALL=C.UTF-8",
      "NO_COLOR=1",
      "DEBIAN_FRONTEND=noninteractive",
      ...this.#environment,
    ];
    const words = ["env", "-i", ...variables, "/bin/sh", "-c"];
    return this.#init.run(["--all", "--root"], [
      ...become,
      ...words,
      // Packages are installed here: never on this machine.
      `[ -e /srv/source ] || exit; set -e; cd "$HOME"\n${script}`,
    ], STEP_TIMEOUT_MS);
  }

  async #isUp(): Promise<boolean> {
    const { code } = await this.root("systemctl is-active basic.target");
    return code === 0;
  }
}

/** How this machine reaches the network and its registry of packages. */
async function networkEnvironment(): Promise<string[]> {
  const registry = await run(["npm", "config", "get", "registry"], {
    timeoutMs: START_TIMEOUT_MS,
  });
  const names = ["npm_config_registry", "NPM_CONFIG_REGISTRY"];
  return [
    ...Object.entries(Deno.env.toObject())
      .filter(([name]) => OF_NETWORK.test(name))
      .map(([name, value]) => `${name}=${value}`),
    ...names.map((name) => `${name}=${registry.trim()}`),
  ];
}
