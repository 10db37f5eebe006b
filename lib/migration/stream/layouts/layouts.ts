/**
 * Decodes the states that devices write by hand, which vmdesc describes by
 * their size alone: virtio, PCI configuration space, MSI-X.
 *
 * @module
 */

import { Source, StreamError } from "../../../stream/mod.ts";
import { type DecodedStruct, type DecodedValue, isStruct } from "../decoded.ts";
import type { SectionHeader } from "../framing.ts";
import { readMsix, vectorsIn } from "./msix.ts";
import { PCI_CONFIG_SIZES, readPciConfig } from "./pci_config.ts";
import { LayoutError, LayoutReader } from "./reader.ts";
import { readVirtio, type VirtioContext } from "./virtio.ts";

/** The result: bytes, and the reason, if they do not have the layout. */
export interface LaidOut {
  readonly value: DecodedValue;
  readonly reason?: string;
}

type ReadLayout = (
  open: () => LayoutReader,
  size: number,
  context: VirtioContext,
) => DecodedValue;

const LAYOUTS: ReadonlyMap<string, ReadLayout> = new Map<string, ReadLayout>([
  ["virtio", (open, _, context) => readVirtio(open, context)],
  ["pci config", (open, size) => {
    const reader = open();
    if (!PCI_CONFIG_SIZES.includes(size)) reader.refuse("its size is unusual");
    readPciConfig(reader, size);
    return reader.result("pci config");
  }],
  ["msix state", (open, size) => {
    const reader = open();
    const vectors = vectorsIn(size) ?? reader.refuse("its size is unusual");
    readMsix(reader, vectors);
    return reader.result("msix state");
  }],
]);

/** Whether a type of vmdesc has a layout. */
export function hasLayout(type: string): boolean {
  return LAYOUTS.has(type);
}

/**
 * More than a VM with a thousand virtio devices has. A value takes much more
 * memory than its bytes in the stream.
 */
const MOST_VALUES = 400_000;
/** Descriptions with one field, which is the whole state. */
const VIRTIO_NAME = /^(virtio|vhost)-/;
const TOO_MANY = "the stream has too many values";

/** Decodes the layouts of one stream. */
export class LayoutDecoder {
  #budget = MOST_VALUES;

  /**
   * Decodes the bytes of a field. Whatever is in them, nothing is thrown.
   *
   * @param offset of the bytes in the stream
   */
  decode(
    type: string,
    bytes: Uint8Array,
    offset: number,
    context: VirtioContext,
  ): LaidOut {
    const read = LAYOUTS.get(type);
    if (read === undefined) return { value: bytes };
    if (this.#budget === 0) return { value: bytes, reason: TOO_MANY };
    const open = () =>
      new LayoutReader(
        new Source(bytes, { base: offset }),
        (count) => this.#spend(count, offset),
      );
    try {
      return { value: read(open, bytes.length, context) };
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      const reason = error instanceof LayoutError
        ? error.problem
        : "it ends too early";
      return { value: bytes, reason };
    }
  }

  /**
   * The state of a section without a description, if its name says that it is
   * a virtio device's.
   *
   * @param offset of the bytes in the stream
   */
  section(
    { name, version }: SectionHeader,
    bytes: Uint8Array,
    offset: number,
    isBigEndian: boolean,
  ): DecodedStruct | undefined {
    const vmsd = name.slice(name.lastIndexOf("/") + 1);
    if (!VIRTIO_NAME.test(vmsd)) return undefined;
    const context = { vmsd, isBigEndian };
    const { value } = this.decode("virtio", bytes, offset, context);
    if (!isStruct(value)) return undefined;
    const field = {
      name: "virtio",
      type: "virtio",
      isArray: false,
      hasMarkers: false,
      offset,
      size: bytes.length,
      value,
    };
    return { vmsd, version, fields: [field], subsections: [] };
  }

  #spend(count: number, offset: number): void {
    if (count > this.#budget) {
      this.#budget = 0;
      throw new LayoutError(TOO_MANY, offset);
    }
    this.#budget -= count;
  }
}
