/** The internal subcommand that prints the seccomp filters of a process. */
export const FILTERS_WORD = "print-seccomp-filters";
