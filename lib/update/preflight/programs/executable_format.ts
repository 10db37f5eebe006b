/**
 * Whether the kernel can execute a file. One that is executable by its mode
 * only is run by execvp as a shell script, whatever is in it: the VM's process
 * becomes a shell with a syntax error.
 *
 * ```
 *   7f 45 4c 46  class data ... | e_type e_machine      ELF
 *   "#!" interpreter [argument] newline                 script
 * ```
 *
 * @module
 */

import type { Fd } from "../../../../ffi/fd.ts";

/** The kernel reads no more of a script's first line. */
const HEAD_BYTES = 256;
const ELF_MAGIC = [0x7f, 0x45, 0x4c, 0x46];
/** Class and byte order, and the machine: offsets in an ELF header. */
const ELF_IDENTITY = [4, 5, 18, 19];

/** What a file is to the kernel. */
export type ExecutableFormat =
  /** `machine` tells machines apart. */
  | { readonly kind: "elf"; readonly machine: string }
  | { readonly kind: "script"; readonly interpreter: string }
  | { readonly kind: "neither" };

/** Reads what kind of executable a file is. */
export function executableFormat(file: Fd): ExecutableFormat {
  const head = new Uint8Array(HEAD_BYTES);
  return formatOf(head.subarray(0, file.read(head)));
}

/** The same of a file's first bytes. */
export function formatOf(head: Uint8Array): ExecutableFormat {
  if (ELF_MAGIC.every((byte, at) => head[at] === byte)) {
    const machine = ELF_IDENTITY.map((at) => head[at] ?? 0).join("-");
    return { kind: "elf", machine };
  }
  const [line = ""] = new TextDecoder().decode(head).split("\n");
  const interpreter = /^#![ \t]*([^ \t]+)/.exec(line)?.[1];
  return interpreter === undefined
    ? { kind: "neither" }
    : { kind: "script", interpreter };
}
