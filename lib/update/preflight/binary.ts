/**
 * The new program is a file that the kernel can execute. A file that is
 * executable by its mode only is run by execvp as a shell script, whatever is in
 * it: the VM's process would become a shell with a syntax error.
 *
 * ```
 *   7f 45 4c 46  class data ... | e_type e_machine      ELF
 *   "#!" interpreter [argument] newline                 script
 * ```
 *
 * @module
 */

import type { Fd } from "../../../ffi/fd.ts";
import { openForeignFile } from "../../../ffi/foreign_file.ts";
import {
  type CheckContext,
  type Finding,
  ok,
  type PreflightCheck,
  quoted,
  refuse,
} from "./check.ts";

const EXECUTABLE_BITS = 0o111;
const REMEDY = "Name an executable file for this machine with --binary";

export const newBinary: PreflightCheck = {
  id: "new-binary",
  async run(context) {
    const { binary, files } = context;
    const name = quoted(binary);
    if (!binary.startsWith("/")) {
      return refuse(
        `New binary ${name} is not an absolute path, and the VM has another ` +
          "working directory",
        "Use an absolute path",
      );
    }
    // The VM may have other mounts than we.
    const info = await files.stat(binary);
    if (info === undefined) {
      return refuse(`New binary ${name} does not exist for the VM`, REMEDY);
    }
    if (!isExecutable(info)) {
      return refuse(`New binary ${name} is not an executable file`, REMEDY);
    }
    return await checkFormat(context);
  },
};

async function checkFormat(
  { binary, facts, files }: CheckContext,
): Promise<Finding> {
  const name = quoted(binary);
  using program = files.openToRead(binary);
  const format = readFormat(program);
  if (format.kind === "neither") {
    return refuse(`New binary ${name} is neither ELF nor a script`, REMEDY);
  }
  if (format.kind === "script") {
    const interpreter = await files.stat(format.interpreter);
    return interpreter !== undefined && isExecutable(interpreter)
      ? ok(`${name} is a script for "${format.interpreter}"`)
      : refuse(
        `New binary ${name} is a script, but its interpreter ` +
          `${quoted(format.interpreter)} cannot be executed`,
        REMEDY,
      );
  }
  using old = openForeignFile(`/proc/${facts.pid}/exe`, { followLink: true });
  const running = readFormat(old);
  return running.kind === "elf" && running.machine !== format.machine
    ? refuse(`New binary ${name} is for another machine`, REMEDY)
    : ok(`${name} is executable`);
}

function isExecutable(info: Deno.FileInfo): boolean {
  return info.isFile && ((info.mode ?? 0) & EXECUTABLE_BITS) !== 0;
}

/** The kernel reads no more of a script's first line. */
const HEAD_BYTES = 256;
const ELF_MAGIC = [0x7f, 0x45, 0x4c, 0x46];
/** Offsets in an ELF header: class, byte order and machine. */
const ELF_IDENTITY = [4, 5, 18, 19];

/** What a file is to the kernel. */
export type ExecutableFormat =
  /** `machine` differs between machines. */
  | { readonly kind: "elf"; readonly machine: string }
  | { readonly kind: "script"; readonly interpreter: string }
  | { readonly kind: "neither" };

function readFormat(file: Fd): ExecutableFormat {
  const head = new Uint8Array(HEAD_BYTES);
  return executableFormat(head.subarray(0, file.read(head)));
}

/** What kind of executable a file is, by its first bytes. */
export function executableFormat(head: Uint8Array): ExecutableFormat {
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
