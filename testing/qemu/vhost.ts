/**
 * A stand-in for vhost-net, which few machines of tests have: a node of the "full"
 * device, and a library that answers QEMU's vhost requests in its place. Like
 * the kernel, it lets one address space alone have an open file: it notes that
 * there, as O_APPEND. Nothing moves packets.
 *
 * The library is a shared object with one function, `ioctl`, for LD_PRELOAD:
 *
 * ```
 * ELF header │ 3 program headers │ symbols │ names │ hash │ relocation │
 *   address of __errno_location │ dynamic section │ code
 * ```
 *
 * @see https://refspecs.linuxfoundation.org/elf/elf.pdf
 *
 * @module
 */

/** x86-64. */
const CODE = [
  [0x89, 0xf0], //                         mov eax, esi          the request
  [0xc1, 0xe8, 0x08], //                   shr eax, 8
  [0x3c, 0xaf], //                         cmp al, 0xaf          of vhost?
  [0x75, 0x5e], //                         jne real
  [0x81, 0xfe, 0x83, 0xaf, 0x08, 0x80], // cmp esi, VHOST_GET_FEATURES_ARRAY
  [0x48, 0xc7, 0xc0, 0xe7, 0xff, 0xff, 0xff], // mov rax, -ENOTTY
  [0x74, 0x5f], //                         je failed     Linux has it from 6.18
  [0x81, 0xfe, 0x01, 0xaf, 0, 0], //       cmp esi, VHOST_SET_OWNER
  [0x74, 0x1c], //                         je own
  [0x89, 0xf0], //                         mov eax, esi
  [0xc1, 0xe8, 0x10], //                   shr eax, 16
  [0x3d, 0x08, 0x80, 0, 0], //             cmp eax, 0x8008       asks for 8 bytes?
  [0x75, 0x0d], //                         jne done
  [0xc7, 0x02, 0, 0, 0, 0], //             mov dword [rdx], 0
  [0xc7, 0x42, 0x04, 0x01, 0, 0, 0], //    mov dword [rdx + 4], 1   VERSION_1
  [0x31, 0xc0], //                         done: xor eax, eax
  [0xc3], //                               ret
  [0xbe, 0x03, 0, 0, 0], //                own: mov esi, F_GETFL
  [0xb8, 0x48, 0, 0, 0], //                mov eax, fcntl
  [0x0f, 0x05], //                         syscall
  [0x89, 0xc2], //                         mov edx, eax
  [0x81, 0xca, 0x00, 0x04, 0, 0], //       or edx, O_APPEND
  [0x39, 0xc2], //                         cmp edx, eax          owned?
  [0x48, 0xc7, 0xc0, 0xf0, 0xff, 0xff, 0xff], // mov rax, -EBUSY
  [0x74, 0x1c], //                         je failed
  [0xbe, 0x04, 0, 0, 0], //                mov esi, F_SETFL
  [0xb8, 0x48, 0, 0, 0], //                mov eax, fcntl
  [0xeb, 0x05], //                         jmp call
  [0xb8, 0x10, 0, 0, 0], //                real: mov eax, ioctl
  [0x0f, 0x05], //                         call: syscall
  [0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff], // cmp rax, -4096
  [0x77, 0x01], //                         ja failed
  [0xc3], //                               ret
  [0xf7, 0xd8], //                         failed: neg eax
  [0x50], //                               push rax
  [0xff, 0x15, 0, 0, 0, 0], //             call [__errno_location]
  [0x5a], //                               pop rdx
  [0x89, 0x10], //                         mov [rax], edx        errno
  [0x48, 0x83, 0xc8, 0xff], //             or rax, -1
  [0xc3], //                               ret
].flat();
/** Where the call of __errno_location ends, and the length of its offset. */
const CALL = { end: CODE.lastIndexOf(0x5a), offset: 4 } as const;

const NAMES = "\0__errno_location\0ioctl\0";
const HEADER = { bytes: 64, programHeader: 56, programHeaders: 3 } as const;
const SYMBOL_BYTES = 24;
const RELOCATION_BYTES = 24;
/** Buckets, chains; then both. */
const HASH = [1, 3, 1, 0, 2, 0];
const PAGE = 0x1000n;
const [READ, WRITE, EXECUTE] = [4, 2, 1];

/** The bytes of the library. */
export function vhostLibrary(): Uint8Array<ArrayBuffer> {
  const symbols = HEADER.bytes +
    HEADER.programHeaders * HEADER.programHeader;
  const names = symbols + 3 * SYMBOL_BYTES;
  const hash = names + Math.ceil(NAMES.length / 8) * 8;
  const relocation = hash + 4 * HASH.length;
  const errnoLocation = relocation + RELOCATION_BYTES;
  const dynamic = errnoLocation + 8;
  const tags = [
    ...[[4, hash], [5, names], [6, symbols], [7, relocation]],
    ...[[8, RELOCATION_BYTES], [9, RELOCATION_BYTES]],
    ...[[10, NAMES.length], [11, SYMBOL_BYTES], [0, 0]],
  ].flat();
  const code = dynamic + 8 * tags.length;
  const bytes = new Uint8Array(code + CODE.length);
  const view = new DataView(bytes.buffer);
  const u16 = (at: number, value: number) => view.setUint16(at, value, true);
  const u32 = (at: number, value: number) => view.setUint32(at, value, true);
  const u64 = (at: number, value: number | bigint) =>
    view.setBigUint64(at, BigInt(value), true);

  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]); // ELF, 64 bits, little-endian
  u16(16, 3); // a shared object
  u16(18, 62); // x86-64
  u32(20, 1);
  u64(32, HEADER.bytes);
  u16(52, HEADER.bytes);
  u16(54, HEADER.programHeader);
  u16(56, HEADER.programHeaders);
  const segment = (
    index: number,
    type: number,
    flags: number,
    start: number,
    end: number,
  ) => {
    const at = HEADER.bytes + index * HEADER.programHeader;
    u32(at, type);
    u32(at + 4, flags);
    for (const offset of [8, 16, 24]) u64(at + offset, start);
    for (const offset of [32, 40]) u64(at + offset, end - start);
    u64(at + 48, type === 1 ? PAGE : 8);
  };
  segment(0, 1, READ | WRITE | EXECUTE, 0, bytes.length);
  segment(1, 2, READ | WRITE, dynamic, code);
  segment(2, 0x6474e551, READ | WRITE, 0, 0); // no executable stack

  const GLOBAL_FUNCTION = 0x12;
  const errno = symbols + SYMBOL_BYTES;
  u32(errno, NAMES.indexOf("__errno"));
  bytes[errno + 4] = GLOBAL_FUNCTION;
  const ioctl = errno + SYMBOL_BYTES;
  u32(ioctl, NAMES.indexOf("ioctl"));
  bytes[ioctl + 4] = GLOBAL_FUNCTION;
  u16(ioctl + 6, 1); // defined
  u64(ioctl + 8, code);
  u64(ioctl + 16, CODE.length);

  bytes.set(new TextEncoder().encode(NAMES), names);
  HASH.forEach((value, index) => u32(hash + 4 * index, value));
  u64(relocation, errnoLocation);
  u64(relocation + 8, 1n << 32n | 6n); // R_X86_64_GLOB_DAT of symbol 1
  tags.forEach((value, index) => u64(dynamic + 8 * index, value));
  bytes.set(CODE, code);
  const call = code + CALL.end;
  view.setInt32(call - CALL.offset, errnoLocation - call, true);
  return bytes;
}

/** The arguments of mknod for the device, after its path. */
export const VHOST_NODE = ["c", "1", "7"] as const;

/** The stand-in, made in a folder. */
export interface Vhost {
  /** The path of the device. */
  readonly device: string;
  /** What a VM has in its environment. */
  readonly environment: Readonly<Record<string, string>>;
}

/** Makes it; needs root. */
export async function makeVhost(folder: string): Promise<Vhost> {
  const device = `${folder}/vhost-net`;
  const { success } = await new Deno.Command("mknod", {
    args: [device, ...VHOST_NODE],
  }).output();
  if (!success) throw new Error(`Cannot make "${device}"`);
  const library = `${folder}/vhost.so`;
  await Deno.writeFile(library, vhostLibrary());
  return { device, environment: { LD_PRELOAD: library } };
}

/** Whether tests can have it here. */
export const canHaveVhost = Deno.uid() === 0 && Deno.build.arch === "x86_64";
