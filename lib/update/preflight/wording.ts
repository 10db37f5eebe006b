/** How findings speak of things whose names the VM gave. @module */

/** More would hide what matters. */
const MAX_LISTED = 5;
/** A path may have 4096 bytes. */
const MAX_NAME = 200;

/** A name as it stands in a sentence. */
export function quoted(name: string): string {
  return `"${name.length > MAX_NAME ? `${name.slice(0, MAX_NAME)}…` : name}"`;
}

/** Several names: `"a", "b" and 3 more`. */
export function listed(names: readonly string[]): string {
  return joined(names.map(quoted));
}

/** Several phrases: `x, y and 3 more`. */
export function joined(phrases: readonly string[]): string {
  const more = phrases.length - MAX_LISTED;
  const shown = phrases.slice(0, MAX_LISTED).join(", ");
  return more > 0 ? `${shown} and ${more} more` : shown;
}
