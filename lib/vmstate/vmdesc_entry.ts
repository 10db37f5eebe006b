/**
 * vmdesc, the JSON description that QEMU appends to a stream: the fields that
 * were sent, in order. The shapes are those of QEMU 11.1.
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

/** A field of vmdesc, without its name. */
export interface FieldEntry {
  readonly array_len?: number;
  readonly index?: number;
  readonly type: string;
  readonly struct?: VmsdEntry;
  /** The description of a list or tmp, whose members are the field's own. */
  readonly inline?: VmsdEntry;
  /** Bytes of one element on the wire. */
  readonly size: number;
}

/** A field of vmdesc. */
export interface NamedFieldEntry extends FieldEntry {
  readonly name: string;
}
