import { InspectError } from "./error.ts";
import type { InspectedSection } from "./inspection.ts";

/**
 * The sections for `NAME` or `NAME:INSTANCE`. The name is complete, or its last
 * part: "virtio-net" for "0000:00:03.0/virtio-net". Names may contain colons.
 *
 * @throws {InspectError} when there is none
 */
export function selectSections(
  sections: readonly InspectedSection[],
  wanted: string,
): readonly InspectedSection[] {
  const all = named(sections, wanted);
  if (all.length > 0) return all;
  const [, name, instance] = /^(.+):(\d+)$/.exec(wanted) ?? [];
  if (name !== undefined) {
    const some = named(sections, name).filter(({ instanceId }) =>
      String(instanceId) === instance
    );
    if (some.length > 0) return some;
  }
  throw new InspectError(
    "no-section",
    `Cannot find section "${wanted}" in the stream`,
    { remedy: "Inspect without --section: it lists all of them" },
  );
}

function named(sections: readonly InspectedSection[], wanted: string) {
  const whole = sections.filter(({ name }) => name === wanted);
  return whole.length > 0
    ? whole
    : sections.filter(({ name }) => name.endsWith(`/${wanted}`));
}
