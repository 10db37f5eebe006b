/** The version of cprctl. */
export const VERSION = "0.1.0";

/** The day of its release, which the manual page is dated. */
export const RELEASED = "2026-11-30";
