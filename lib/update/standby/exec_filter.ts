/**
 * Whether a seccomp filter forbids the exec of a program. A process that runs a
 * program was under no such filter when it executed that program: it has added
 * the filter itself since, and so will the next program, if it is told so by
 * the same command line (`-sandbox on,spawn=deny`).
 *
 * A filter is a classic BPF program over this record, which it reads in words:
 *
 * ```
 * struct seccomp_data { int number; u32 architecture; u64 place; u64 args[6] }
 * ```
 *
 * @module
 */

/** AUDIT_ARCH and the numbers of execve and execveat. */
const ARCHITECTURES: Readonly<
  Record<typeof Deno.build.arch, { arch: number; calls: readonly number[] }>
> = {
  x86_64: { arch: 0xc000003e, calls: [59, 322] },
  aarch64: { arch: 0xc00000b7, calls: [221, 281] },
};
const DATA_SIZE = 64;
const INSTRUCTION_SIZE = 8;

/** The actions that fail a call, or kill the caller. */
const FORBIDDING = [0x8000_0000, 0x0000_0000, 0x0003_0000, 0x0005_0000];
const ACTION = 0xffff_0000;

// Every instruction that libseccomp and systemd write.
const LOAD = 0x20;
const AND = 0x54;
const JUMP = 0x05;
const JUMP_IF: Readonly<Record<number, (a: number, k: number) => boolean>> = {
  0x15: (a, k) => a === k,
  0x25: (a, k) => a > k,
  0x35: (a, k) => a >= k,
  0x45: (a, k) => (a & k) !== 0,
};
const RETURN = 0x06;

/**
 * Both system calls have to be forbidden: one of them would have been enough.
 *
 * @returns false also for a filter that cannot be read
 */
export function forbidsExec(filter: Uint8Array): boolean {
  const { arch, calls } = ARCHITECTURES[Deno.build.arch];
  return calls.every((number) => {
    const action = run(filter, number, arch);
    return action !== undefined && FORBIDDING.includes(action);
  });
}

/** What a filter does with a call, all of whose arguments are zero. */
function run(
  filter: Uint8Array,
  number: number,
  arch: number,
): number | undefined {
  const program = new DataView(
    filter.buffer,
    filter.byteOffset,
    filter.length,
  );
  const data = new DataView(new ArrayBuffer(DATA_SIZE));
  data.setUint32(0, number, true);
  data.setUint32(4, arch, true);
  let a = 0;
  // Jumps lead forward only.
  for (let at = 0; at + INSTRUCTION_SIZE <= filter.length;) {
    const code = program.getUint16(at, true);
    const k = program.getUint32(at + 4, true);
    const condition = JUMP_IF[code];
    at += INSTRUCTION_SIZE;
    if (condition !== undefined) {
      const [yes, no] = [2, 3].map((it) => program.getUint8(at - 8 + it));
      at += INSTRUCTION_SIZE * ((condition(a, k) ? yes : no) ?? 0);
    } else if (code === JUMP) at += INSTRUCTION_SIZE * k;
    else if (code === LOAD && k <= DATA_SIZE - 4) a = data.getUint32(k, true);
    else if (code === AND) a = (a & k) >>> 0;
    else if (code === RETURN) return (k & ACTION) >>> 0;
    else return undefined;
  }
  return undefined;
}
