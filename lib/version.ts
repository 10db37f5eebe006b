/** The version of cprctl. */
export const VERSION = "0.1.0";
