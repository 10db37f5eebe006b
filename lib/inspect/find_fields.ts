import type { InspectedSection } from "./inspection.ts";
import { treeOf } from "./tree.ts";

/** A field that was looked for. */
export interface FoundField {
  /** The name of its section and the instance, such as "cpu:0". */
  readonly section: string;
  /** From the section down, such as "env.segs[0].base". */
  readonly path: string;
  readonly text: string;
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
