/** The word that makes this program tell the filters over a process. */
export const FILTERS_WORD = "tell-seccomp-filters";
