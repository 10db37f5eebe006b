/** Shows a part of a stream: some fields, a page, or what describes it. */

import { InspectError } from "../../inspect/error.ts";
import {
  fieldsAt,
  fieldsWith,
  type FoundField,
} from "../../inspect/find_fields.ts";
import { findPage } from "../../inspect/find_page.ts";
import type {
  InspectedSection,
  StreamInspection,
} from "../../inspect/inspection.ts";
import { selectSections } from "../../inspect/select_sections.ts";
import type { DeviceDescription } from "../../migration/stream/vmdesc.ts";
import { renderDescription, renderFound } from "../terminal/fields.ts";
import { renderGuestPage } from "../terminal/guest_page.ts";
import type { InspectLook } from "../terminal/inspection.ts";
import type { InspectFlags } from "./inspect_flags.ts";

/**
 * The texts of the part that is asked for.
 *
 * @throws {InspectError} when there is no such part
 */
export function renderPart(
  inspection: StreamInspection,
  sections: readonly InspectedSection[],
  look: InspectLook,
  { grep, field, page, section }: InspectFlags,
): Iterable<string> {
  if (grep !== undefined) {
    return renderFound(found(sections, grep, fieldsWith), look);
  }
  if (field !== undefined) {
    return renderFound(found(sections, field, fieldsAt), look);
  }
  return page !== undefined
    ? renderGuestPage(findPage(inspection, page), look)
    : renderDescription(described(inspection, section));
}

/** @throws {InspectError} when there is none */
function found(
  sections: readonly InspectedSection[],
  text: string,
  how: typeof fieldsWith | typeof fieldsAt,
): readonly FoundField[] {
  const fields = sections.flatMap((section) => [...how(section, text)]);
  if (fields.length > 0) return fields;
  throw new InspectError(
    "no-field",
    how === fieldsAt
      ? `Cannot find a field "${text}"`
      : `Cannot find "${text}" in any field`,
    { remedy: "Inspect without --grep and --field: it shows all of them" },
  );
}

/**
 * The descriptions of the sections.
 *
 * @throws {InspectError} when the stream has none
 */
function described(
  { file, decoded: { vmdesc } }: StreamInspection,
  section: string | undefined,
): readonly DeviceDescription[] {
  if (vmdesc === undefined) {
    throw new InspectError(
      "undescribed",
      `Cannot describe "${file}": it has no vmdesc`,
    );
  }
  const { devices } = vmdesc.description;
  return section === undefined ? devices : selectSections(devices, section);
}
