/**
 * A systemd of the suite's own: process 1 of a pid namespace, with a control
 * group, a /run, a /usr/local/bin and units that are nobody else's.
 *
 * @module
 */

import { ifThereSync } from "../../lib/gone.ts";
import { exists } from "../program/exists.ts";
import { OwnInit } from "../program/own_init.ts";
import { MARK } from "../program/reaper.ts";
import type { Ended } from "../program/run.ts";
import { until } from "../program/until.ts";

const PROGRAM = "/lib/systemd/systemd";
const UNITS = new URL("../../scripts/systemd/", import.meta.url).pathname;
const TIMEOUT_MS = 30_000;

/** In the namespaces: what is hidden of the host, and then process 1. */
const START = `set -e
mount --make-rprivate /
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mount -t tmpfs -o mode=755 tmpfs /var/cache
mount -t tmpfs -o mode=755 tmpfs /usr/local/bin
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /run/systemd/system
cp "$1"/units/* /run/systemd/system
cp "$1"/bin/* /usr/local/bin
exec env -i container=cprctl "$2=$1" PATH=/usr/sbin:/usr/bin:/sbin:/bin \\
  SYSTEMD_UNIT_PATH=/run/systemd/system ${PROGRAM} --system --unit=rest.target`;

/** The first is what process 1 begins with; the others all services want. */
const TARGETS = ["rest", "sysinit", "basic", "shutdown"];
const NOTHING = "[Unit]\nDescription=Nothing\nDefaultDependencies=no\n";

/** What a systemd is to have. */
export interface SystemdOptions {
  /** Copied to /usr/local/bin/cprctl. */
  readonly program: string;
  /** Changes the text of a unit of scripts/systemd. */
  readonly adapt: (unit: string, text: string) => string;
}

/** A running systemd; all that it started ends with it. */
export class Systemd implements AsyncDisposable {
  readonly #init: OwnInit;

  private constructor(init: OwnInit) {
    this.#init = init;
  }

  /** Whether this machine lets the suite have one. */
  static get isPossible(): boolean {
    return exists(PROGRAM) && OwnInit.isPossible;
  }

  /** Starts one with the units of scripts/systemd. */
  static async start({ program, adapt }: SystemdOptions): Promise<Systemd> {
    const folder = await Deno.makeTempDir({ prefix: "cprctl-systemd-" });
    for (const name of ["units", "bin"]) await Deno.mkdir(`${folder}/${name}`);
    await Deno.copyFile(program, `${folder}/bin/cprctl`);
    for (const name of TARGETS) {
      await Deno.writeTextFile(`${folder}/units/${name}.target`, NOTHING);
    }
    for await (const { name } of Deno.readDir(UNITS)) {
      if (!name.endsWith(".service")) continue;
      const text = await Deno.readTextFile(`${UNITS}${name}`);
      await Deno.writeTextFile(`${folder}/units/${name}`, adapt(name, text));
    }
    const systemd = new Systemd(
      await OwnInit.start(folder, START, [folder, MARK]),
    );
    try {
      await until("systemd answers", TIMEOUT_MS, () => systemd.#answers());
      return systemd;
    } catch (error) {
      await systemd[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Its files, by their path outside. */
  get folder(): string {
    return this.#init.folder;
  }

  /** Runs a command where systemd's services run. */
  async run(...words: string[]): Promise<Ended> {
    return await this.#init.run(["--mount", "--pid", "--cgroup"], words);
  }

  /** A property of a unit, as `systemctl show` prints it. */
  async property(unit: string, name: string): Promise<string> {
    const said = await this.run(
      ...["systemctl", "show", "--value", "--property", name, unit],
    );
    return said.stdout.trimEnd();
  }

  /** The processes in a unit's group, by their ids outside. */
  processesOf(slice: string, unit: string): number[] {
    const file =
      `${this.#init.group}/system.slice/${slice}${unit}/cgroup.procs`;
    const text = ifThereSync(() => Deno.readTextFileSync(file)) ?? "";
    return text.split("\n").filter((line) => line !== "").map(Number);
  }

  /** The id outside of a process that has the given one there. */
  outside(pid: number): number {
    const space = namespaceOf(this.#init.pid);
    for (const { name } of Deno.readDirSync("/proc")) {
      if (!/^\d+$/.test(name) || namespaceOf(Number(name)) !== space) continue;
      const status = Deno.readTextFileSync(`/proc/${name}/status`);
      if (new RegExp(`^NSpid:.*\t${pid}$`, "m").test(status)) {
        return Number(name);
      }
    }
    throw new Error(`Cannot find process ${pid} of the namespace`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#init[Symbol.asyncDispose]();
  }

  async #answers(): Promise<boolean> {
    const { code } = await this.run("systemctl", "is-active", "rest.target");
    return code === 0;
  }
}

/** Undefined where the process has ended, or is not the suite's. */
function namespaceOf(pid: number): string | undefined {
  try {
    return Deno.readLinkSync(`/proc/${pid}/ns/pid`);
  } catch (error) {
    const foreign = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.PermissionDenied;
    if (!foreign) throw error;
    return undefined;
  }
}
