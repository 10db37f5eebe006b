/** For anything that a process on a busy host shall do; it takes milliseconds. */
export const DEADLINE_MS = 30_000;
