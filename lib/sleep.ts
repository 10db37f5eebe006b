/** Lets time pass, between two attempts that have a deadline. */

/** Resolves after some milliseconds; at once, but after other tasks, for 0. */
export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
