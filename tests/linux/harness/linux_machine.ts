/** A VM with a Linux guest, started for a test and gone with it. */

import {
  type Json,
  type JsonObject,
  QmpClient,
  type QmpEvent,
} from "../../../lib/qmp/mod.ts";
import { linuxGuest } from "../../../testing/linux/guest.ts";
import type { QemuBuild } from "../../../testing/qemu/builds/builds.ts";
import { runProgram } from "../../../testing/program/run.ts";
import { MARK, Reaper } from "../../../testing/program/reaper.ts";
import { Agent } from "./agent.ts";
import { EchoConnection } from "./echo.ts";

const START_TIMEOUT_MS = 60_000;
/** Linux boots in some seconds, by emulation on a busy host in a minute. */
const BOOT_TIMEOUT_MS = 300_000;
const DISK_BYTES = 64 << 20;
/** Room for what is on the disk at first, and some more. */
const SMALL_DISK_BYTES = 24 << 20;
const HOST = "10.0.2.2";
const GUEST = "10.0.2.15";
/** The interface that leads to the guest. */
export const TAP = "tap0";

/** Executes what follows in a network of its own, with what it says in a file. */
const LAUNCH = 'exec "$@" >"$0" 2>&1';

/** What a machine has besides what all have. */
export interface LinuxMachineOptions {
  readonly extra?: readonly string[];
  readonly cpus?: number;
  /** Format of the disk with the file system: raw unless given. */
  readonly format?: "raw" | "qcow2";
  /** More of the disk's -drive, such as "werror=enospc". */
  readonly drive?: string;
  /** Has the disk on a small tmpfs of its own, which only root can make. */
  readonly smallDisk?: true;
  /** Where QEMU finds the disk's image, if that is not where it is made. */
  readonly diskPath?: (folder: string) => string;
  /** The network back end; an interface that QEMU opens unless given. */
  readonly netdev?: string;
  /** More of the network card's -device, such as "mq=on". */
  readonly nic?: string;
  /** Executes what follows it, in a mount namespace of its own. */
  readonly launcher?: (folder: string) => readonly string[];
  /** Prepares the folder before the start. */
  readonly prepare?: (folder: string) => Promise<void>;
}

/** One virtual machine. */
export class LinuxMachine implements AsyncDisposable {
  readonly agent: Agent;
  /** Where the disk's image is. */
  readonly diskFolder: string;
  readonly files: {
    readonly qmp: string;
    readonly second: string;
    readonly disk: string;
    readonly console: string;
  };
  readonly #reaper: Reaper;
  #child: Deno.ChildProcess | undefined;
  #pid = 0;
  #mounted = false;

  private constructor(
    readonly folder: string,
    readonly busybox: string,
  ) {
    this.diskFolder = `${folder}/disk`;
    this.#reaper = new Reaper(folder);
    this.agent = new Agent(`${folder}/agent.sock`);
    this.files = {
      qmp: `${folder}/qmp.sock`,
      second: `${folder}/second.sock`,
      disk: `${this.diskFolder}/disk.img`,
      console: `${folder}/console.log`,
    };
  }

  /** Starts a machine; returns when its guest answers. */
  static async boot(
    build: QemuBuild,
    options: LinuxMachineOptions = {},
  ): Promise<LinuxMachine> {
    const { kernel, initrd, busybox } = await linuxGuest();
    const folder = await Deno.makeTempDir({ prefix: "cprctl-linux-" });
    const vm = new LinuxMachine(folder, busybox);
    try {
      await vm.#makeDiskFolder(options);
      await options.prepare?.(folder);
      await vm.#makeDisk(build, options);
      const { launcher } = options;
      const alone = launcher === undefined ? [] : ["--mount"];
      await vm.#start(["--net", ...alone], [
        ...launcher?.(folder) ?? [],
        build.binary,
        ...vm.#argumentsOf(options),
        ...["-kernel", kernel, "-initrd", initrd],
        ...["-append", "console=ttyS0 panic=-1 no_console_suspend"],
      ]);
      await vm.agent.run("true", BOOT_TIMEOUT_MS);
      return vm;
    } catch (error) {
      const said = await Deno.readTextFile(`${folder}/qemu.log`).catch(() =>
        ""
      );
      await vm[Symbol.asyncDispose]();
      throw new Error(`Cannot boot Linux: ${said}`, { cause: error });
    }
  }

  get pid(): number {
    return this.#pid;
  }

  /** Looks at another process from now on: a rollback has a new pid. */
  follow(pid: number): void {
    this.#pid = pid;
  }

  /** Gives the monitor one command. */
  async command(name: string, args?: JsonObject): Promise<Json> {
    await using qmp = await this.#connect(this.files.qmp);
    return await qmp.execute(name, args);
  }

  /** Gives the second monitor one command, while an update has the first. */
  async secondCommand(name: string, args?: JsonObject): Promise<Json> {
    await using qmp = await this.#connect(this.files.second);
    return await qmp.execute(name, args);
  }

  /** Does something, and returns when the second monitor tells of an event. */
  async eventOf(name: string, act: () => Promise<unknown>): Promise<QmpEvent> {
    await using qmp = await this.#connect(this.files.second);
    using watch = qmp.watch([name]);
    await act();
    return await watch.next(name, { timeoutMs: BOOT_TIMEOUT_MS });
  }

  /** Lets the guest do what it may not live to answer, until an event tells. */
  async guestDoes(command: string, event: string): Promise<QmpEvent> {
    await using qmp = await this.#connect(this.files.second);
    using watch = qmp.watch([event]);
    using _command = await this.agent.begin(command);
    return await watch.next(event, { timeoutMs: BOOT_TIMEOUT_MS });
  }

  /** The run state that the monitor tells, such as "running". */
  async runState(): Promise<string> {
    const status = await this.command("query-status") as JsonObject;
    return String(status["status"]);
  }

  /** A connection to the guest through its tap interface. */
  async echo(): Promise<EchoConnection> {
    const connection = EchoConnection.open(this.#pid, this.busybox, GUEST);
    await connection.roundTrip();
    return connection;
  }

  /** What the guest's kernel has said. */
  consoleText(): Promise<string> {
    return Deno.readTextFile(this.files.console);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#mounted) await runTool("umount", "--lazy", this.diskFolder);
    await this.#reaper[Symbol.asyncDispose]();
    await this.#child?.status;
  }

  #connect(path: string): Promise<QmpClient> {
    return QmpClient.connectAgain({ path }, { timeoutMs: START_TIMEOUT_MS });
  }

  async #makeDiskFolder({ smallDisk }: LinuxMachineOptions): Promise<void> {
    await Deno.mkdir(this.diskFolder);
    if (!smallDisk) return;
    const size = ["-o", `size=${SMALL_DISK_BYTES}`];
    await runTool("mount", "-t", "tmpfs", ...size, "none", this.diskFolder);
    this.#mounted = true;
  }

  async #makeDisk(build: QemuBuild, { format = "raw" }: LinuxMachineOptions) {
    const raw = format === "raw" ? this.files.disk : `${this.folder}/raw.img`;
    await Deno.writeFile(raw, new Uint8Array());
    await Deno.truncate(raw, DISK_BYTES);
    await runTool("mkfs.ext4", "-q", raw);
    if (format === "raw") return;
    const image = build.binary.replace(/[^/]*$/, "qemu-img");
    await runTool(image, "convert", "-O", format, raw, this.files.disk);
    await Deno.remove(raw);
  }

  #argumentsOf(options: LinuxMachineOptions): string[] {
    const { extra = [], cpus = 1, format = "raw", drive = "" } = options;
    const { netdev = `ifname=${TAP},script=no,downscript=no` } = options;
    const nic = "virtio-net-pci,id=eth0,netdev=net";
    const image = options.diskPath?.(this.folder) ?? this.files.disk;
    const disk = `if=none,id=disk,format=${format},file=${image}`;
    return [
      ...["-machine", "q35,accel=tcg,aux-ram-share=on,memory-backend=ram0"],
      ...["-object", "memory-backend-memfd,id=ram0,size=256M,share=on"],
      ...["-m", "256M", "-smp", `${cpus}`],
      ...["-nodefaults", "-no-user-config", "-display", "none"],
      ...["-qmp", `unix:${this.files.qmp},server=on,wait=off`],
      ...["-qmp", `unix:${this.files.second},server=on,wait=off`],
      ...["-serial", `file:${this.files.console}`],
      ...["-chardev", `socket,id=a,path=${this.agent.path},server=on,wait=off`],
      ...["-device", "isa-serial,chardev=a"],
      ...["-drive", drive === "" ? disk : `${disk},${drive}`],
      ...["-device", "virtio-blk-pci,id=vda,drive=disk"],
      ...["-netdev", `tap,id=net,${netdev}`],
      ...["-device", options.nic === undefined ? nic : `${nic},${options.nic}`],
      ...["-device", "virtio-rng-pci", "-device", "virtio-balloon-pci,id=b"],
      ...extra,
    ];
  }

  async #start(
    namespaces: readonly string[],
    argv: readonly string[],
  ): Promise<void> {
    const log = `${this.folder}/qemu.log`;
    this.#child = new Deno.Command("unshare", {
      args: [...namespaces, "/bin/sh", "-c", LAUNCH, log, ...argv],
      cwd: this.folder,
      env: { [MARK]: this.folder },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#pid = this.#child.pid;
    const ended = new AbortController();
    this.#child.status.then(({ code }) =>
      ended.abort(new Error(`QEMU exited with ${code}`))
    );
    const monitor = { path: this.files.second };
    const qmp = await QmpClient.connectAgain(monitor, {
      timeoutMs: START_TIMEOUT_MS,
      signal: ended.signal,
    });
    await qmp.close();
    for (
      const words of [
        ["ip", "addr", "add", `${HOST}/24`, "dev", TAP],
        ["ip", "link", "set", TAP, "up"],
      ]
    ) {
      const target = ["--target", `${this.#pid}`, "--net"];
      await runTool("nsenter", ...target, this.busybox, ...words);
    }
  }
}

async function runTool(program: string, ...args: string[]): Promise<void> {
  const { code, stdout, stderr } = await runProgram([program, ...args]);
  if (code !== 0) throw new Error(`${program}: ${stdout}${stderr}`);
}
