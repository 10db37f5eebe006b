/**
 * /proc/PID/maps: what a process has mapped, a line each (proc_pid_maps(5)):
 *
 * ```
 * start-end permissions offset device inode      path
 * ```
 *
 * @module
 */

/** A range of addresses. */
export interface MemoryMapping {
  readonly start: bigint;
  /** Behind the last address. */
  readonly end: bigint;
  /** Such as "r-xp". */
  readonly permissions: string;
  /**
   * Empty for memory without a file; such as "/lib/libz.so.1 (deleted)",
   * "[heap]" or "anon_inode:[io_uring]" otherwise.
   */
  readonly path: string;
}

const LINE = /^([\da-f]+)-([\da-f]+) (\S+) \S+ \S+ \d+ *(.*)$/;

/** Goes through the mappings, by ascending addresses; other lines are none. */
export function* parseMaps(text: string): Generator<MemoryMapping> {
  for (const line of text.split("\n")) {
    const [, start, end, permissions = "", path = ""] = LINE.exec(line) ?? [];
    if (start === undefined) continue;
    yield {
      start: BigInt(`0x${start}`),
      end: BigInt(`0x${end}`),
      permissions,
      path,
    };
  }
}
