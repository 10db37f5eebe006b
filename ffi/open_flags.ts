/**
 * Flags of open(2). Most have one value everywhere; some differ between x86-64
 * and aarch64.
 *
 * @module
 */

const ARM = Deno.build.arch === "aarch64";

export const O_RDONLY = 0;
export const O_WRONLY = 0o1;
export const O_RDWR = 0o2;
/** The mask of these three. */
export const O_ACCMODE = 0o3;
export const O_CREAT = 0o100;
export const O_EXCL = 0o200;
export const O_NOCTTY = 0o400;
export const O_TRUNC = 0o1000;
export const O_APPEND = 0o2000;
export const O_NONBLOCK = 0o4000;
export const O_DIRECTORY = ARM ? 0o40000 : 0o200000;
export const O_NOFOLLOW = ARM ? 0o100000 : 0o400000;
export const O_CLOEXEC = 0o2000000;
export const O_PATH = 0o10000000;
/** With the path of a directory: creates a file without a name there. */
export const O_TMPFILE = 0o20000000 | O_DIRECTORY;
