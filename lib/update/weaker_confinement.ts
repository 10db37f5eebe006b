/** The option that accepts it where a rollback cannot confine a VM as it was. */
export const ALLOW_WEAKER = "--allow-weaker-confinement";
