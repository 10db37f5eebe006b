/**
 * A Linux guest for tests: Debian's cloud kernel, and an initramfs of busybox,
 * the kernel modules that the tests' devices need, and the programs of
 * `guest/`. Fetched and made the first time, then kept in the cache folder.
 *
 * @module
 */

import { exists } from "../program/exists.ts";
import { AptRoot, machineMirror } from "../qemu/builds/apt.ts";
import { cacheFolder, removeIfThere } from "../qemu/builds/cache.ts";
import { run } from "../qemu/builds/child.ts";
import {
  cpioArchive,
  type CpioEntry,
  file,
  folder,
  link,
  program,
} from "./cpio.ts";
import { type KernelModule, kernelModules } from "./modules.ts";

/** A kernel and its first root file system. */
export interface LinuxGuest {
  readonly kernel: string;
  readonly initrd: string;
  /** Busybox without shared libraries, for the other end of a connection. */
  readonly busybox: string;
}

const SUITE = "trixie";
const KERNEL = "linux-image-cloud-amd64";
const BUSYBOX = "busybox-static";

/** Whatever a machine of the tests may have; the kernel has others built in. */
const MODULES: readonly string[] = [
  ...["virtio_pci", "virtio_blk", "virtio_net", "virtio_rng", "virtio_scsi"],
  ...["virtio_balloon", "ext4", "sd_mod", "sr_mod", "cdrom", "isofs"],
  ...["pvpanic_pci", "pvpanic", "softdog", "button", "rtc_cmos"],
  ...["acpiphp", "shpchp", "pciehp", "crc32c_generic", "libcrc32c"],
  ...["ata_piix", "ahci", "libata"],
];

const FOLDERS = ["bin", "dev", "proc", "sys", "run", "tmp", "data", "modules"];
const STEP_TIMEOUT_MS = 60_000;

/** The guest; fetched and made unless it is in the cache already. */
export async function linuxGuest(): Promise<LinuxGuest> {
  const cache = await cacheFolder();
  const home = `${cache}/linux-${await version()}`;
  const guest = {
    kernel: `${home}/vmlinuz`,
    initrd: `${home}/initrd`,
    busybox: `${home}/busybox`,
  };
  using lock = await Deno.open(`${cache}/lock`, { create: true, write: true });
  await lock.lock(true);
  if (exists(guest.initrd)) return guest;
  const work = `${cache}/linux-fetch`;
  await removeIfThere(work); // what a killed run left
  await Deno.mkdir(`${work}/packages`, { recursive: true });
  try {
    await make(work);
    await removeIfThere(home);
    await Deno.rename(`${work}/guest`, home); // all of it or nothing
    return guest;
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

/** Names what the guest is made of, so that a change makes another one. */
async function version(): Promise<string> {
  const sources = [new URL(import.meta.url), ...PROGRAMS.map(sourceOf)];
  const texts = await Promise.all(sources.map((it) => Deno.readTextFile(it)));
  const all = JSON.stringify(texts);
  const bytes = new TextEncoder().encode(all);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return digest.toHex().slice(0, 12);
}

const PROGRAMS = ["init", "writer"];

function sourceOf(name: string): URL {
  return new URL(`guest/${name}.sh`, import.meta.url);
}

async function make(work: string) {
  const apt = await AptRoot.create(work, await machineMirror(), [SUITE]);
  const [kernel] = await apt.dependencies(KERNEL);
  if (kernel === undefined) throw new Error(`${KERNEL} names no kernel`);
  const packages = await apt.downloadAlone(
    [kernel, BUSYBOX],
    `${work}/packages`,
  );
  const root = `${work}/root`;
  for (const deb of packages) {
    await run(["dpkg-deb", "--extract", deb, root], {
      timeoutMs: STEP_TIMEOUT_MS,
    });
  }
  const [modules = ""] = await find(root, "-type", "d", "-path", "*/modules/*");
  const [image = ""] = await find(root, "-name", "vmlinuz-*");
  const [busybox = ""] = await find(root, "-path", "*/bin/busybox");
  await Deno.mkdir(`${work}/guest`);
  await Deno.copyFile(image, `${work}/guest/vmlinuz`);
  await Deno.copyFile(busybox, `${work}/guest/busybox`);
  const entries = await rootFileSystem(
    await Deno.readFile(busybox),
    await kernelModules(modules, MODULES),
  );
  await Deno.writeFile(`${work}/guest/initrd`, cpioArchive(entries));
}

async function find(root: string, ...tests: string[]): Promise<string[]> {
  const text = await run(["find", root, ...tests], {
    timeoutMs: STEP_TIMEOUT_MS,
  });
  return text.split("\n").filter((path) => path !== "");
}

async function rootFileSystem(
  busybox: Uint8Array,
  modules: readonly KernelModule[],
): Promise<CpioEntry[]> {
  const order = modules.map(({ name }) => `${name}\n`).join("");
  const programs = await Promise.all(PROGRAMS.map(async (name) =>
    program(
      name === "init" ? name : `bin/${name}`,
      await Deno.readFile(sourceOf(name)),
    )
  ));
  return [
    ...FOLDERS.map(folder),
    program("bin/busybox", busybox),
    link("bin/sh", "busybox"),
    ...modules.map(({ name, bytes }) => file(`modules/${name}.ko`, bytes)),
    file("modules/order", new TextEncoder().encode(order)),
    ...programs,
  ];
}
