/**
 * /proc/PID/maps: the mappings of a process, one per line (proc_pid_maps(5)):
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
  /** The address after the last one. */
  readonly end: bigint;
  /** Such as "r-xp". */
  readonly permissions: string;
  /**
   * Such as "/lib/libz.so.1 (deleted)", "[heap]" or "anon_inode:[io_uring]"; empty
   * for anonymous memory.
   */
  readonly path: string;
}

const LINE = /^([\da-f]+)-([\da-f]+) (\S+) \S+ \S+ \d+ *(.*)$/;

/** The mappings, by ascending address; other lines are skipped. */
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
