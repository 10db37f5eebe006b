/** A VM that is changed at run time, and what was made in it. */

import { QmpCommandError } from "../../../lib/qmp/mod.ts";
import type { Json, JsonObject } from "../../../lib/qmp/mod.ts";
import type { QemuBuild } from "../../../testing/qemu/builds/builds.ts";
import {
  type Machine,
  PLAIN,
  until,
  VirtualMachine,
} from "../../../testing/qemu/mod.ts";
import type { Random } from "../../../testing/random.ts";
import { makeImage } from "../../qemu/disk_image.ts";

const PATIENCE_MS = 20_000;

/** A change has nothing in this VM to begin with. */
export class NothingToChange extends Error {
  override readonly name = "NothingToChange";
}

/** What changes make. */
export type Kind =
  | "node"
  | "netdev"
  | "chardev"
  | "iothread"
  | "throttle-group"
  | "rng"
  | "memory"
  | "device"
  | "nic"
  | "disk"
  | "scsi bus"
  | "port bus";

/** Something with an id. */
export interface Thing {
  readonly kind: Kind;
  readonly id: string;
  /** What it needs: nothing of that can be removed, or used by another. */
  readonly uses: readonly string[];
  /** Whether device_del removes it without the guest's consent. */
  readonly unplugs: boolean;
}

/** A change that an update does not carry over. */
export interface Refusal {
  /** The check that refuses it. */
  readonly check: string;
  /** What the check's remedy asks for. */
  readonly undo: () => Promise<void>;
}

const PORTS = 6;
const IMAGES = ["a.qcow2", "b.qcow2", "c.raw", "empty.raw", "empty.qcow2"];

const DEVICES = (folder: string) => [
  ...["-m", "64M,slots=4,maxmem=2G", "-smp", "1,maxcpus=4"],
  ...["-device", "qemu-xhci,id=usb,p2=8,p3=8"],
  ...["-device", "usb-tablet,id=tablet"],
  ...["-device", "virtio-scsi-pci,id=scsi"],
  ...["-device", "virtio-serial-pci,id=serial"],
  ...["-device", "virtio-balloon-pci,id=balloon"],
  ...[
    "-netdev",
    "user,id=net0",
    "-device",
    "virtio-net-pci,id=nic0,netdev=net0",
  ],
  ...["-object", "iothread,id=thread0"],
  ...["-object", "throttle-group,id=group0,x-iops-total=1000"],
  ...["-drive", `if=none,id=drive,file=${folder}/a.qcow2,format=qcow2`],
  ...["-device", "virtio-blk-pci,id=vda,drive=drive"],
  "-blockdev",
  JSON.stringify({
    ...{ "driver": "qcow2", "node-name": "store", "discard": "unmap" },
    file: { driver: "file", filename: `${folder}/b.qcow2` },
  }),
  ...["-device", "virtio-blk-pci,id=vdb,drive=store"],
  ...["-drive", `if=none,id=cd,media=cdrom,format=raw,file=${folder}/c.raw`],
  ...["-device", "scsi-cd,id=cd1,drive=cd,scsi-id=40"],
  ...["-device", "scsi-cd,id=cd2,scsi-id=41"],
];

/** The machines, by how PCI devices are plugged into them. */
const MACHINES: readonly Machine[] = [
  {
    ...PLAIN,
    name: "q35, ports with native hot-plug",
    extra: [
      ...["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"],
      ...ports(),
    ],
  },
  { ...PLAIN, name: "q35, ports with ACPI hot-plug", extra: ports() },
  { ...PLAIN, name: "pc", type: "pc" },
];

function ports(): string[] {
  return Array.from({ length: PORTS }, (_, number) => [
    "-device",
    `pcie-root-port,id=root${number},chassis=${number + 1},slot=${number + 1}`,
  ]).flat();
}

/** A VM and what was made in it at run time. */
export class ChangedVm implements AsyncDisposable {
  /** The commands that were given, for a person. */
  readonly log: string[] = [];
  readonly #things = new Map<string, Thing>();
  /** No name of the command line has so high a number. */
  #names = 10;

  private constructor(
    readonly vm: VirtualMachine,
    readonly random: Random,
    readonly images: string,
  ) {
    for (const id of ["vda", "vdb"]) this.#note("disk", id, [], false);
    this.#note("nic", "nic0", ["net0"], false);
    this.#note("netdev", "net0", [], false);
    this.#note("iothread", "thread0", [], false);
    this.#note("throttle-group", "group0", [], false);
    this.#note("scsi bus", "scsi", [], false);
    this.#note("port bus", "serial", [], false);
  }

  /** Boots one; what it is decided by chance. */
  static async boot(build: QemuBuild, random: Random): Promise<ChangedVm> {
    const machine = random.one(MACHINES);
    const images = await Deno.makeTempDir({ prefix: "cprctl-images-" });
    for (const name of IMAGES) await makeImage(build, `${images}/${name}`);
    const extra = [...machine.extra ?? [], ...DEVICES(images)];
    const vm = await VirtualMachine.boot(build, { ...machine, extra }, "tcg");
    return new ChangedVm(vm, random, images);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.vm[Symbol.asyncDispose]();
    await Deno.remove(this.images, { recursive: true });
  }

  /** Gives a command. */
  async run(name: string, given: JsonObject = {}): Promise<Json> {
    this.log.push(`${name} ${JSON.stringify(given)}`);
    try {
      return await this.vm.command(name, given);
    } catch (error) {
      if (error instanceof QmpCommandError) {
        this.log.push(`  refused: ${error.description}`);
      }
      throw error;
    }
  }

  /** A name that nothing has. */
  name(prefix: string): string {
    return `${prefix}${this.#names++}`;
  }

  /** The path of a file that is not there; odd characters are allowed. */
  path(suffix: string): string {
    return `${this.images}/${this.random.one(["", "a, b ", "x=1"])}${
      this.name("file")
    }${suffix}`;
  }

  /** A new image that holds nothing. */
  async image(format: "raw" | "qcow2"): Promise<string> {
    const path = this.path(`.${format}`);
    await Deno.copyFile(`${this.images}/empty.${format}`, path);
    return path;
  }

  /** Makes something with a command. */
  async make(
    kind: Kind,
    id: string,
    command: string,
    given: JsonObject,
    { uses = [], unplugs = true }: Partial<Pick<Thing, "uses" | "unplugs">> =
      {},
  ): Promise<string> {
    await this.run(command, given);
    this.#note(kind, id, uses, unplugs);
    return id;
  }

  #note(kind: Kind, id: string, uses: readonly string[], unplugs: boolean) {
    this.#things.set(id, { kind, id, uses, unplugs });
  }

  /** Forgets what is there no more. */
  forget(id: string): void {
    this.#things.delete(id);
  }

  /** All of some kinds. */
  all(...kinds: Kind[]): Thing[] {
    return [...this.#things.values()].filter(({ kind }) =>
      kinds.includes(kind)
    );
  }

  /** Those of some kinds that nothing uses. */
  unused(...kinds: Kind[]): Thing[] {
    const used = new Set([...this.#things.values()].flatMap((it) => it.uses));
    return this.all(...kinds).filter(({ id }) => !used.has(id));
  }

  /** Where a PCI device can be plugged in. */
  pciPlace(): { given: JsonObject; uses: string[] } {
    if (this.vm.machine.type === "pc") return { given: {}, uses: [] };
    const used = [...this.#things.values()].flatMap(({ uses }) => uses);
    const port = Array.from({ length: PORTS }, (_, it) => `root${it}`)
      .find((it) => !used.includes(it));
    if (port === undefined) throw new NothingToChange("no port is free");
    return { given: { bus: port }, uses: [port] };
  }

  /** Whether the guest need not consent to the removal of PCI devices. */
  get unplugsPci(): boolean {
    return this.vm.machine.name.includes("native");
  }

  /** Waits for something that QEMU does by itself. */
  async until(what: string, holds: () => Promise<boolean>): Promise<void> {
    await until(what, PATIENCE_MS, holds);
  }

  /** One that nothing uses. */
  one(...kinds: Kind[]): string {
    return this.oneOf(this.unused(...kinds)).id;
  }

  /** One of these, if there are any. */
  oneOf<T>(list: readonly T[]): T {
    if (list.length === 0) throw new NothingToChange("there is none");
    return this.random.one(list);
  }

  /** True this often. */
  chance(probability: number): boolean {
    return this.random.fraction() < probability;
  }
}

/** One way to change a VM. */
export interface Change {
  readonly name: string;
  /**
   * @returns who refuses an update then; nothing if it is carried over
   * @throws {NothingToChange} if the VM has nothing to change so
   * @throws {QmpCommandError} if QEMU refuses it
   */
  readonly apply: (vm: ChangedVm) => Promise<Refusal | void>;
}
