/** What differs between two moments of a VM. */

import { clipped } from "../../inert.ts";
import type { Fields, Objects } from "./view.ts";

/** One value that differs. */
export interface Difference {
  /** What the object is, such as "Device". */
  readonly kind: string;
  /** Its name; empty if there is only one. */
  readonly name: string;
  /** The value's path; undefined if the object itself is gone or new. */
  readonly field: string | undefined;
  /** Undefined if it was not there. */
  readonly before: string | undefined;
  /** Undefined if it is not there now. */
  readonly after: string | undefined;
  /** The object as it was; undefined if it is new. */
  readonly object: Fields | undefined;
}

/** Of a value or a name in a message: the VM chooses its length. */
const LONGEST_SHOWN = 200;
/** More would make the message unreadable. */
const MOST_NAMED = 5;

/** The objects and values that differ. */
export function* differencesBetween(
  kind: string,
  before: Objects,
  after: Objects,
): Iterable<Difference> {
  for (const name of new Set([...before.keys(), ...after.keys()])) {
    const was = before.get(name);
    const is = after.get(name);
    if (was !== undefined && is !== undefined) {
      yield* differingFields(kind, name, was, is);
      continue;
    }
    yield {
      ...{ kind, name, field: undefined },
      ...{ before: was && typeOf(was), after: is && typeOf(is) },
      object: was,
    };
  }
}

/** What stands for an object that is gone or new. */
function typeOf(object: Fields): string {
  return object.get("type") ?? object.get("drv") ?? "there";
}

function* differingFields(
  kind: string,
  name: string,
  was: Fields,
  is: Fields,
): Iterable<Difference> {
  for (const field of new Set([...was.keys(), ...is.keys()])) {
    const [before, after] = [was.get(field), is.get(field)];
    if (before === after) continue;
    yield { kind, name, field, before, after, object: was };
  }
}

/** What differs, as a phrase: `Device "net0": "mac"`. */
export function subjectOf({ kind, name, field }: Difference): string {
  const object = name === "" ? kind : `${kind} "${shown(name)}"`;
  return field === undefined ? object : `${object}: "${shown(field)}"`;
}

/** One difference as a phrase, such as `Object "a" is gone`. */
export function phraseOf(difference: Difference): string {
  const { field, before, after } = difference;
  const subject = subjectOf(difference);
  if (field === undefined) {
    return `${subject} is ${before === undefined ? "new" : "gone"}`;
  }
  return `${subject} was ${shown(before)}, is ${shown(after)}`;
}

/** The first few as one phrase. */
export function phraseOfAll(differences: readonly Difference[]): string {
  const more = differences.length - MOST_NAMED;
  return differences.slice(0, MOST_NAMED).map(phraseOf).join("; ") +
    (more > 0 ? `; and ${more} more` : "");
}

/** A value in a message. */
export function shown(value = "none"): string {
  return clipped(value, LONGEST_SHOWN);
}
