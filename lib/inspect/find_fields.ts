import { globExpression } from "../glob.ts";
import type { InspectedSection } from "./inspection.ts";
import { leavesIn } from "./members.ts";
import { scalarText, treeOf } from "./tree.ts";

/** A field that was looked for. */
export interface FoundField {
  /** The name of its section and the instance, such as "cpu:0". */
  readonly section: string;
  /** From the section down, such as "env.segs[0].base". */
  readonly path: string;
  readonly text: string;
  /** The value, if it is bytes that are to be shown in full. */
  readonly bytes?: Uint8Array;
  /** Stream offset; undefined if not known. */
  readonly offset: number | undefined;
}

/** The fields whose path or value contains a text, whatever its case. */
export function* fieldsWith(
  { name, instanceId, state }: InspectedSection,
  wanted: string,
): Iterable<FoundField> {
  if (state === undefined || state instanceof Uint8Array) return;
  const section = `${name}:${instanceId}`;
  const lower = wanted.toLowerCase();
  const above: string[] = [];
  for (const { depth, name, text, offset } of treeOf(state)) {
    above.length = depth;
    above.push(name);
    if (text === "") continue;
    const path = above.join(".").replaceAll(".[", "[");
    if (`${path} ${text}`.toLowerCase().includes(lower)) {
      yield { section, path, text, offset };
    }
  }
}

/**
 * The fields with a path, such as "env.segs[0]", and all that is in them.
 *
 * @param wanted with * and ?; several with commas
 */
export function* fieldsAt(
  section: InspectedSection,
  wanted: string,
): Iterable<FoundField> {
  const patterns = wanted.split(",").map(globExpression);
  const named = `${section.name}:${section.instanceId}`;
  for (const { path, type, value, offset } of leavesIn(section)) {
    const isWanted = placesIn(path).some((place) =>
      patterns.some((pattern) => pattern.test(place))
    );
    if (!isWanted) continue;
    const field = { section: named, path, offset };
    yield value instanceof Uint8Array
      ? { ...field, text: `${value.length} bytes`, bytes: value }
      : { ...field, text: scalarText(type, value) };
  }
}

/** A path, and those of what it is in: "a[0].b", "a[0]", "a". */
function placesIn(path: string): string[] {
  return [...path.matchAll(/(?=[.[])|$/g)].map(({ index }) =>
    path.slice(0, index)
  );
}
