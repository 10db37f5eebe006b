/**
 * A systemd of the suite's own: process 1 of a pid namespace, with a control
 * group, a /run, a /usr/local/bin and units that are nobody else's.
 *
 * @module
 */

import { cgroupMounts, folderOf } from "../../lib/proc/cgroup.ts";
import { MARK, Reaper } from "../program/reaper.ts";
import { inTime, until } from "../program/until.ts";

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

/** How a command ended. */
export interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What a systemd is to have. */
export interface SystemdOptions {
  /** Copied to /usr/local/bin/cprctl. */
  readonly program: string;
  /** Changes the text of a unit of scripts/systemd. */
  readonly adapt: (unit: string, text: string) => string;
}

/** A running systemd; all that it started ends with it. */
export class Systemd implements AsyncDisposable {
  readonly folder: string;
  readonly #group: string;
  readonly #reaper: Reaper;
  readonly #child: Deno.ChildProcess;
  #pid = 0;

  private constructor(folder: string, group: string) {
    this.folder = folder;
    this.#group = group;
    this.#reaper = new Reaper(folder);
    // It enters the group, so that the namespace begins there.
    this.#child = new Deno.Command("/bin/sh", {
      args: [
        ...["-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', group],
        ..."unshare --mount --uts --ipc --cgroup --pid --fork".split(" "),
        ...["--kill-child", "/bin/sh", "-c", START, "sh", folder, MARK],
      ],
      env: { [MARK]: folder },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /** Whether this machine lets the suite have one. */
  static get isPossible(): boolean {
    if (Deno.uid() !== 0 || unified() === undefined) return false;
    try {
      Deno.statSync(PROGRAM);
      Deno.removeSync(newGroup());
      return true;
    } catch (error) {
      // No systemd, or control groups that can only be read.
      if (!(error instanceof Error)) throw error;
      return false;
    }
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
    const systemd = new Systemd(folder, newGroup());
    try {
      await until("systemd answers", TIMEOUT_MS, () => systemd.#answers());
      return systemd;
    } catch (error) {
      await systemd[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Runs a command where systemd's services run. */
  async run(...words: string[]): Promise<Said> {
    const { code, stdout, stderr } = await new Deno.Command("nsenter", {
      args: [
        ...["--target", `${this.#pid}`, "--mount", "--pid", "--cgroup"],
        ...words,
      ],
      env: { [MARK]: this.folder },
      stdin: "null",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).output();
    const text = new TextDecoder();
    return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
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
    const file = `${this.#group}/system.slice/${slice}${unit}/cgroup.procs`;
    try {
      return Deno.readTextFileSync(file).split("\n")
        .filter((line) => line !== "").map(Number);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return []; // taken away
      throw error;
    }
  }

  /** The id outside of a process that has the given one there. */
  outside(pid: number): number {
    const space = namespaceOf(this.#pid);
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
    await this.#reaper[Symbol.asyncDispose]();
    await inTime("systemd is gone", TIMEOUT_MS, this.#child.status);
    await until("its group is empty", TIMEOUT_MS, () =>
      /^populated 0$/m.test(
        Deno.readTextFileSync(`${this.#group}/cgroup.events`),
      ));
    removeGroup(this.#group);
  }

  async #answers(): Promise<boolean> {
    const path = `/proc/${this.#child.pid}/task/${this.#child.pid}/children`;
    this.#pid = Number(Deno.readTextFileSync(path).trimEnd());
    if (this.#pid === 0) return false;
    const exe = Deno.readLinkSync(`/proc/${this.#pid}/exe`);
    if (!exe.endsWith("/systemd")) return false;
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

/** Where the groups of the kernel's second version are. */
function unified(): string | undefined {
  const mounts = cgroupMounts(Deno.readTextFileSync("/proc/self/mountinfo"));
  return folderOf(mounts, "", "/");
}

function newGroup(): string {
  return Deno.makeTempDirSync({
    dir: unified() ?? "",
    prefix: "cprctl-test-",
  });
}

/** A group's files are the kernel's: only folders can be removed. */
function removeGroup(folder: string): void {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) removeGroup(`${folder}/${name}`);
  }
  Deno.removeSync(folder);
}
