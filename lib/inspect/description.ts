/**
 * What a stream sends, without the values: its vmdesc as lines. Those of two
 * streams can be compared by diff(1), for example before and after a change of
 * QEMU's code.
 *
 * ```
 * 0000:00:02.0/e1000 0: e1000, version 2
 *   parent_obj: struct PCIDevice, version 2, 320 bytes
 *     version_id: int32, 4 bytes
 *   mac_reg[0x8000]: uint32, 4 bytes
 *   subsection e1000/full_mac_state, version 1
 * ```
 *
 * @module
 */

import type {
  DeviceDescription,
  FieldDescription,
  VmsdDescription,
} from "../migration/stream/mod.ts";

/** The lines of a device. */
export function* descriptionOf(
  { name, instanceId, vmsd, size }: DeviceDescription,
): Generator<string> {
  if (vmsd === undefined) {
    yield `${name} ${instanceId}: not described, ${bytesText(size)}`;
    return;
  }
  yield `${name} ${instanceId}: ${titleOf(vmsd)}`;
  yield* bodyOf(vmsd, "  ");
}

function* bodyOf(vmsd: VmsdDescription, indent: string): Generator<string> {
  for (const field of vmsd.fields) {
    yield `${indent}${fieldText(field)}`;
    const inner = field.struct ?? field.inline;
    if (inner !== undefined) yield* bodyOf(inner, `${indent}  `);
  }
  for (const sub of vmsd.subsections) {
    yield `${indent}subsection ${titleOf(sub)}`;
    yield* bodyOf(sub, `${indent}  `);
  }
}

function titleOf({ name, version }: VmsdDescription): string {
  return `${name}, version ${version}`;
}

function fieldText(field: FieldDescription): string {
  const { name, index, arrayLength, type, struct, inline, isNull, size } =
    field;
  const place = index ?? arrayLength;
  const inner = struct ?? inline;
  return `${name}${place === undefined ? "" : `[${place}]`}: ${type}` +
    (inner === undefined ? "" : ` ${titleOf(inner)}`) +
    (isNull ? ", null" : "") + `, ${bytesText(size)}`;
}

function bytesText(size: number): string {
  return size === 1 ? "1 byte" : `${size} bytes`;
}
