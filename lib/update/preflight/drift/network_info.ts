/**
 * What the human monitor prints of the network, which no QMP query tells. A
 * port of a hub stands before its peer, or alone, and a back end below the
 * device that it is for, or alone:
 *
 * ```
 * hub 0
 *  \ port1: net1: index=0,type=user,…
 *  \ port2
 * nic0: index=0,type=nic,…
 *  \ net0: index=0,type=user,…
 * filters:
 *   - dump0: type=filter-dump,…
 * ```
 *
 * @module
 */

/** A network back end as it is now. */
export interface BackEnd {
  readonly name: string;
  /** Such as "type" and "net"; none of a port that is alone. */
  readonly facts: ReadonlyMap<string, string>;
}

const FACTS = ": index=";
const BELOW = " \\ ";
/** Ports that -net makes. */
const IMPLIED = /^hub\d+port\d+$/;

/** The back ends in the lines of "info network". */
export function backEndsIn(lines: readonly string[]): BackEnd[] {
  return lines.flatMap(backEndsOf);
}

function backEndsOf(line: string): BackEnd[] {
  const at = line.indexOf(FACTS);
  const isBelow = line.startsWith(BELOW);
  // All others head what follows, or are of filters.
  if (at < 0 && !isBelow) return [];
  const chain = at < 0 ? line : line.slice(0, at);
  const names = (isBelow ? chain.slice(BELOW.length) : chain).split(": ");
  const facts = at < 0 ? new Map<string, string>() : factsOf(line.slice(at));
  const last = names.length - 1;
  return names
    .map((name, index) => ({
      name,
      facts: index === last ? facts : new Map<string, string>(),
    }))
    .filter(({ name, facts }) =>
      !IMPLIED.test(name) && facts.get("type") !== "nic"
    );
}

/** Of `: index=0,type=user,net=10.0.2.0,restrict=off`. */
function factsOf(text: string): Map<string, string> {
  const facts = new Map<string, string>();
  for (const part of text.split(",")) {
    const equals = part.indexOf("=");
    facts.set(part.slice(0, equals), part.slice(equals + 1));
  }
  return facts;
}
