/**
 * Sections by their names. A name is complete, or its last part: "virtio-net"
 * for "0000:00:03.0/virtio-net", or what is before it: a PCI address stands for
 * all sections of the device, also without its domain: "00:03.0". It may be a shell pattern, and NAME:INSTANCE
 * stands for one instance; commas separate several. Names of sections may
 * contain colons.
 *
 * @module
 */

import { globExpression } from "../glob.ts";
import { InspectError } from "./error.ts";

/** More names would not help. */
const MAX_SIMILAR = 5;

/** QEMU's machines have one PCI domain. */
const DOMAIN = "0000:";

/** What has the name of a section. */
interface Named {
  readonly name: string;
  readonly instanceId: number;
}

/**
 * The sections that are named.
 *
 * @throws {InspectError} when there is none for a name
 */
export function selectSections<Section extends Named>(
  sections: readonly Section[],
  names: string,
): readonly Section[] {
  return chosen(sections, names, (name) => {
    throw noSection(sections, name);
  });
}

/** The sections that are not named; a name may stand for none. */
export function ignoreSections<Section extends Named>(
  sections: readonly Section[],
  names: string,
): readonly Section[] {
  const ignored = chosen(sections, names, () => []);
  return sections.filter((it) => !ignored.includes(it));
}

/** In the order of the stream. */
function chosen<Section extends Named>(
  sections: readonly Section[],
  names: string,
  ifNone: (name: string) => Section[],
): readonly Section[] {
  const found = new Set(
    names.split(",").flatMap((name) => {
      const some = matching(sections, name);
      return some.length > 0 ? some : ifNone(name);
    }),
  );
  return sections.filter((it) => found.has(it));
}

function matching<Section extends Named>(
  sections: readonly Section[],
  wanted: string,
): readonly Section[] {
  const all = named(sections, wanted);
  const [, name, instance] = /^(.+):(\d+)$/.exec(wanted) ?? [];
  return all.length > 0 || name === undefined
    ? all
    : named(sections, name).filter(({ instanceId }) =>
      String(instanceId) === instance
    );
}

/** A complete name that is there is not the last part of others as well. */
function named<Section extends Named>(
  sections: readonly Section[],
  wanted: string,
): readonly Section[] {
  const forms = [wanted, `*/${wanted}`, `${wanted}/*`, `${DOMAIN}${wanted}/*`]
    .map(globExpression);
  const exact = sections.filter(({ name }) => name === wanted);
  return exact.length > 0
    ? exact
    : sections.filter(({ name }) => forms.some((form) => form.test(name)));
}

function noSection(sections: readonly Named[], wanted: string): InspectError {
  const part = wanted.replaceAll("*", "").toLowerCase();
  const similar = sections.map((it) => it.name)
    .filter((it) => part !== "" && it.toLowerCase().includes(part));
  return new InspectError(
    "no-section",
    `Cannot find section "${wanted}" in the stream`,
    {
      remedy: similar.length > 0
        ? `Name one of ${
          [...new Set(similar)].slice(0, MAX_SIMILAR).join(", ")
        }`
        : "Inspect without --section: it lists all of them",
    },
  );
}
