/** A running QEMU, started for a test and gone with it. */

import { ifThere } from "../../lib/gone.ts";
import { type Json, type JsonObject, QmpClient } from "../../lib/qmp/mod.ts";
import type { QemuBuild } from "./builds/builds.ts";
import { bootDisk } from "./guest.ts";
import { GuestRam } from "./guest_ram.ts";
import {
  type Accelerator,
  argumentsOf,
  type Machine,
  type MachineFiles,
} from "./machines.ts";
import { runStateOf } from "./run_state.ts";
import { MARK, Reaper } from "../program/reaper.ts";

const DISK_BYTES = 1 << 20;
/** Machines whose firmware sets no timer up. */
const NO_TIMER = /^microvm/;
/** The firmware takes seconds where KVM has to emulate real mode. */
const BOOT_TIMEOUT_MS = 240_000;
const START_TIMEOUT_MS = 60_000;

/** The words that execute what follows as a user who has nothing else. */
export function asUser(user: number | undefined): string[] {
  if (user === undefined) return [];
  return ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups"];
}

/** Sends what QEMU says, over every exec, to a file; then there is no shell. */
const LAUNCH = 'exec "$@" >"$0" 2>&1';

/** A virtual machine of the suite. */
export class VirtualMachine implements AsyncDisposable {
  /** What was started: absolute path of QEMU, then its arguments. */
  readonly argv: readonly [string, ...string[]];
  readonly machine: Machine;
  /** The VM's own folder: disk, socket, logs, and what the test puts there. */
  readonly folder: string;
  readonly files: MachineFiles;
  readonly #reaper: Reaper;
  #child: Deno.ChildProcess | undefined;
  #pid = 0;
  #ramInode: number | null = null;

  private constructor(
    folder: string,
    build: QemuBuild,
    machine: Machine,
    accelerator: Accelerator,
  ) {
    this.folder = folder;
    this.#reaper = new Reaper(folder);
    this.machine = machine;
    this.files = {
      disk: `${folder}/disk.img`,
      qmp: `${folder}/qmp.sock`,
      pidfile: `${folder}/qemu.pid`,
    };
    this.argv = [
      build.binary,
      ...argumentsOf(machine, accelerator, this.files),
    ];
  }

  /**
   * Starts a machine; returns when its monitor answers.
   *
   * @throws {Error} if it does not start, with what QEMU said
   */
  static async start(
    build: QemuBuild,
    machine: Machine,
    accelerator: Accelerator,
  ): Promise<VirtualMachine> {
    const folder = await Deno.makeTempDir({ prefix: "cprctl-vm-" });
    const vm = new VirtualMachine(folder, build, machine, accelerator);
    try {
      await vm.#launch();
      return vm;
    } catch (error) {
      const said = await vm.log();
      await vm[Symbol.asyncDispose]();
      throw new Error(`Cannot start "${machine.name}": ${said}`, {
        cause: error,
      });
    }
  }

  /** Starts a machine; returns when its guest counts. */
  static async boot(
    build: QemuBuild,
    machine: Machine,
    accelerator: Accelerator,
  ): Promise<VirtualMachine> {
    const vm = await VirtualMachine.start(build, machine, accelerator);
    try {
      using ram = vm.ram();
      await ram.counterMoves(BOOT_TIMEOUT_MS);
      return vm;
    } catch (error) {
      await vm[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The process id; that of the daemon for a machine that daemonizes. */
  get pid(): number {
    return this.#pid;
  }

  /** Looks at another process from now on: a rescue has a new pid. */
  follow(pid: number): void {
    this.#pid = pid;
  }

  /** The executable that runs now. */
  executable(): string {
    return Deno.readLinkSync(`/proc/${this.#pid}/exe`);
  }

  /** The threads that run now. */
  threads(): { tid: number; name: string }[] {
    const task = `/proc/${this.#pid}/task`;
    return [...Deno.readDirSync(task)].map(({ name }) => ({
      tid: Number(name),
      name: Deno.readTextFileSync(`${task}/${name}/comm`).trimEnd(),
    }));
  }

  /** Guest RAM as the process has it now. */
  ram(): GuestRam {
    const ram = GuestRam.open(this.#pid, this.#ramInode);
    this.#ramInode ??= ram.inode;
    return ram;
  }

  /** Connects to the monitor, which serves one client at a time. */
  monitor(timeoutMs = START_TIMEOUT_MS): Promise<QmpClient> {
    return QmpClient.connectAgain({ path: this.files.qmp }, { timeoutMs });
  }

  /** Gives the monitor one command. */
  async command(name: string, args?: JsonObject): Promise<Json> {
    await using qmp = await this.monitor();
    return await qmp.execute(name, args);
  }

  /** The release that the monitor tells, such as "11.1.2". */
  async version(): Promise<string> {
    await using qmp = await this.monitor();
    const { major, minor, micro } = qmp.version;
    return `${major}.${minor}.${micro}`;
  }

  /** The run state that the monitor tells, such as "running". */
  async runState(): Promise<string> {
    await using qmp = await this.monitor();
    return await runStateOf(qmp);
  }

  /** What QEMU has said. */
  async log(): Promise<string> {
    return await ifThere(Deno.readTextFile(this.#log)) ?? "";
  }

  /** Ends the machine at once and removes its folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reaper[Symbol.asyncDispose]();
    await this.#child?.status;
  }

  get #log(): string {
    return `${this.folder}/qemu.log`;
  }

  async #launch(): Promise<void> {
    const { busy, type, user } = this.machine;
    const isBusy = busy ?? NO_TIMER.test(type);
    await Deno.writeFile(this.files.disk, bootDisk(DISK_BYTES, isBusy));
    if (user !== undefined) {
      for (const path of [this.folder, this.files.disk]) {
        await Deno.chown(path, user, user);
      }
    }
    const words = [...asUser(user), ...this.argv];
    this.#child = new Deno.Command("/bin/sh", {
      args: ["-c", LAUNCH, this.#log, ...words],
      cwd: this.folder,
      env: { ...this.machine.environment, [MARK]: this.folder },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    if (this.machine.daemonize) {
      await this.#daemonStarts(this.#child);
    } else {
      await this.#monitorAnswers(this.#child);
    }
  }

  async #daemonStarts(child: Deno.ChildProcess): Promise<void> {
    const { code } = await child.status;
    if (code !== 0) throw new Error(`QEMU exited with ${code}`);
    this.#pid = Number(await Deno.readTextFile(this.files.pidfile));
  }

  async #monitorAnswers(child: Deno.ChildProcess): Promise<void> {
    this.#pid = child.pid;
    const ended = new AbortController();
    child.status.then(({ code }) =>
      ended.abort(new Error(`QEMU exited with ${code}`))
    );
    const qmp = await QmpClient.connectAgain({ path: this.files.qmp }, {
      timeoutMs: START_TIMEOUT_MS,
      signal: ended.signal,
    });
    await qmp.close();
  }
}
