/**
 * A program for the guest, which opens the tray of its first CD drive: busybox
 * has none that does.
 *
 * @module
 */

/** Where the program is loaded. */
const BASE = 0x400000;
const ELF_HEADER = 64;
const PROGRAM_HEADER = 56;
const EM_X86_64 = 62;
const READ_AND_EXECUTE = 5;

/** open("/dev/sr0", O_NONBLOCK), ioctl(it, CDROMEJECT), exit(-result) */
const CODE: readonly number[] = [
  ...[0xb8, 2, 0, 0, 0], //             mov eax, 2 (open)
  ...[0x48, 0x8d, 0x3d, 35, 0, 0, 0], // lea rdi, [rip + 35]  the path below
  ...[0xbe, 0x00, 0x08, 0, 0], //       mov esi, O_NONBLOCK
  ...[0x0f, 0x05], //                   syscall
  ...[0x89, 0xc7], //                   mov edi, eax
  ...[0xbe, 0x09, 0x53, 0, 0], //       mov esi, CDROMEJECT
  ...[0x31, 0xd2], //                   xor edx, edx
  ...[0xb8, 16, 0, 0, 0], //            mov eax, 16 (ioctl)
  ...[0x0f, 0x05], //                   syscall
  ...[0x89, 0xc7], //                   mov edi, eax
  ...[0xf7, 0xdf], //                   neg edi
  ...[0xb8, 60, 0, 0, 0], //            mov eax, 60 (exit)
  ...[0x90, 0x0f, 0x05], //             nop; syscall
  ...new TextEncoder().encode("/dev/sr0\0"),
];

/** The program as an ELF file of one segment. */
export function ejectProgram(): Uint8Array<ArrayBuffer> {
  const start = ELF_HEADER + PROGRAM_HEADER;
  const bytes = new Uint8Array(start + CODE.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, 2, true); // an executable
  view.setUint16(18, EM_X86_64, true);
  view.setUint32(20, 1, true);
  view.setBigUint64(24, BigInt(BASE + start), true);
  view.setBigUint64(32, BigInt(ELF_HEADER), true);
  view.setUint16(52, ELF_HEADER, true);
  view.setUint16(54, PROGRAM_HEADER, true);
  view.setUint16(56, 1, true);
  view.setUint32(ELF_HEADER, 1, true); // to be loaded
  view.setUint32(ELF_HEADER + 4, READ_AND_EXECUTE, true);
  view.setBigUint64(ELF_HEADER + 16, BigInt(BASE), true);
  view.setBigUint64(ELF_HEADER + 24, BigInt(BASE), true);
  view.setBigUint64(ELF_HEADER + 32, BigInt(bytes.length), true);
  view.setBigUint64(ELF_HEADER + 40, BigInt(bytes.length), true);
  view.setBigUint64(ELF_HEADER + 48, 0x1000n, true);
  bytes.set(CODE, start);
  return bytes;
}
