/**
 * The description that QEMU appends to a stream, as JSON: what was *sent*, in
 * order. Shapes as seen in real QEMU 11.1 streams.
 *
 * ```
 * VMSD  = {"vmsd_name", "version", "fields": [FIELD…], "subsections"?: [VMSD…]}
 * FIELD = {"name", "array_len"? | "index"?, "type", "struct"?: VMSD, "size"}
 * ```
 *
 * @module
 */

/** One description with the fields and subsections that were sent. */
export interface VmsdEntry {
  readonly vmsd_name: string;
  readonly version: number;
  readonly fields: readonly NamedFieldEntry[];
  readonly subsections?: readonly VmsdEntry[];
}

/** A field as vmdesc lists it, before it has its name. */
export interface FieldEntry {
  readonly array_len?: number;
  readonly index?: number;
  readonly type: string;
  readonly struct?: VmsdEntry;
  /** Lists and tmp put the description straight into the field. */
  readonly inline?: VmsdEntry;
  /** Wire bytes of one element. */
  readonly size: number;
}

/** A field as vmdesc lists it. */
export interface NamedFieldEntry extends FieldEntry {
  readonly name: string;
}
