/** Shapes that parameters of several commands have. @module */

/** An option that is there or not. */
export function switchFlag(brief: string) {
  return {
    kind: "boolean",
    brief,
    default: false,
    withNegated: false,
  } as const;
}

/** What is compared: two names, the old one first. */
export function oldAndNew(what: string) {
  return {
    kind: "tuple",
    parameters: [
      { parse: String, brief: `The old ${what}`, placeholder: "old" },
      { parse: String, brief: `The new ${what}`, placeholder: "new" },
    ],
  } as const;
}

/** What --allow-weaker-confinement does. */
export const WEAKER_BRIEF =
  "Accept that a VM that is put back is less confined than it was";
