/** A filter of system calls. */

/** `struct sock_filter`: code, jump if true, jump if false, operand. */
type Instruction = readonly [number, number, number, number];

const LOAD_WORD = 0x20;
const JUMP_IF_EQUAL = 0x15;
const RETURN = 0x06;
const ALLOW = 0x7fff0000;
const REFUSE = 0x00050000;
const EACCES = 13;
/** Offset of the call's number in `struct seccomp_data`. */
const NUMBER = 0;

const SETHOSTNAME = Deno.build.arch === "x86_64" ? 170 : 161;

function assemble(
  instructions: readonly Instruction[],
): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(instructions.length * 8));
  for (const [at, [code, yes, no, operand]] of instructions.entries()) {
    view.setUint16(at * 8, code, true);
    view.setUint8(at * 8 + 2, yes);
    view.setUint8(at * 8 + 3, no);
    view.setUint32(at * 8 + 4, operand, true);
  }
  return new Uint8Array(view.buffer);
}

/** Refuses sethostname with EACCES, whoever asks. */
export const REFUSE_SETHOSTNAME: Uint8Array<ArrayBuffer> = assemble([
  [LOAD_WORD, 0, 0, NUMBER],
  [JUMP_IF_EQUAL, 0, 1, SETHOSTNAME],
  [RETURN, 0, 0, REFUSE | EACCES],
  [RETURN, 0, 0, ALLOW],
]);
