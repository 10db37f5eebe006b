/** The option that accepts a rollback to a less confined VM. */
export const ALLOW_WEAKER = "--allow-weaker-confinement";
