import { toBytes } from "@std/streams";
import { exists } from "../program/exists.ts";

/** The main streams in this folder. */
export const STREAMS = [
  "cpr-exec-q35-plain.vm.state",
  "cpr-exec-pc-rich.vm.state",
  "cpr-transfer-q35-main.stream",
] as const;

/** Streams of machines that are no PCs. */
export const STREAMS_OF_OTHERS = [
  "cpr-exec-virt-aarch64.vm.state",
  "normal-microbit.vm.state",
] as const;

/** Fields of type "virtio", by the description that has them. */
export const VIRTIO_STATES: Readonly<Record<string, string>> = {
  "express-9p.bin": "virtio-9p",
  "express-blk.bin": "virtio-blk",
  "express-net.bin": "virtio-net",
  "mmio-blk.bin": "virtio-blk",
  "mmio-input.bin": "virtio-input",
  "pci-balloon.bin": "virtio-balloon",
  "pci-console.bin": "virtio-console",
  "pci-gpu.bin": "virtio-gpu",
  "pci-input.bin": "virtio-input",
  "pci-iommu.bin": "virtio-iommu",
  "pci-mem.bin": "virtio-mem",
  "pci-net.bin": "virtio-net",
  "pci-rng-packed.bin": "virtio-rng",
  "pci-rng-qemu-10.0.bin": "virtio-rng",
  "pci-scsi.bin": "virtio-scsi",
};

/** One of {@linkcode VIRTIO_STATES}. */
export function virtioState(name: string): Promise<Uint8Array<ArrayBuffer>> {
  return data(`virtio/${name}`);
}

/** A file of this folder, unpacked. */
export async function data(name: string): Promise<Uint8Array<ArrayBuffer>> {
  const url = new URL(name, import.meta.url);
  if (exists(url)) return await Deno.readFile(url);
  using file = await Deno.open(new URL(`${name}.gz`, import.meta.url));
  const unpacked = file.readable.pipeThrough(new DecompressionStream("gzip"));
  return await toBytes(unpacked);
}
