/**
 * The network back ends in `info network` of the human monitor: no QMP query
 * reports them. A port of a hub stands before its peer, or alone, and a back
 * end below the device that it belongs to, or alone:
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
  /** Such as "type" and "net"; empty for a port that is alone. */
  readonly facts: ReadonlyMap<string, string>;
}

const FACTS = ": index=";
const BELOW = " \\ ";
/** Ports that -net makes. */
const IMPLIED_PORT = /^hub\d+port\d+$/;

/** The back ends in what is printed; one with several queues is there again. */
export function backEndsIn(lines: readonly string[]): BackEnd[] {
  return lines.flatMap(backEndsOn);
}

function backEndsOn(line: string): BackEnd[] {
  const at = line.indexOf(FACTS);
  const isBelow = line.startsWith(BELOW);
  // All others are headings, or are about filters.
  if (at < 0 && !isBelow) return [];
  const chain = at < 0 ? line : line.slice(0, at);
  const names = (isBelow ? chain.slice(BELOW.length) : chain).split(": ");
  const facts = at < 0 ? new Map<string, string>() : factsIn(line.slice(at));
  const last = names.length - 1;
  return names
    .map((name, index) => ({
      name,
      facts: index === last ? facts : new Map<string, string>(),
    }))
    .filter(({ name, facts }) =>
      !IMPLIED_PORT.test(name) && facts.get("type") !== "nic"
    );
}

/** Reads `: index=0,type=user,net=10.0.2.0,restrict=off`. */
function factsIn(printed: string): Map<string, string> {
  return new Map(
    printed.split(",").map((part) => {
      const equals = part.indexOf("=");
      return [part.slice(0, equals), part.slice(equals + 1)];
    }),
  );
}
