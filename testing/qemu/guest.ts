/**
 * The guest: a boot sector that shows from outside whether it lives on.
 *
 * ```
 *   0x7c00  this program
 *   0x7e00  the marker: 512 words, each its own address XOR 0xa55a
 *   0x9000  le32 counter, incremented for ever
 *   0x9004  le32 number of boots since the RAM was zero
 *   0x9008  le16 what to write to an I/O port; the guest clears it, and does so
 *   0x900a  le16 the port
 * ```
 *
 * RAM that was lost shows in the marker, a reset in the number of boots, a
 * guest that went back in time in the counter.
 *
 * @module
 */

/** Where the guest keeps what; guest physical addresses. */
export const GUEST = {
  marker: { address: 0x7e00, words: 512, key: 0xa55a },
  counter: 0x9000,
  boots: 0x9004,
  order: 0x9008,
} as const;

const SECTOR_BYTES = 512;

/** 16-bit real mode; the firmware jumps to 0x7c00 with the disk's first sector there. */
const PROGRAM: readonly number[] = [
  0xfa, //                         cli                 no interrupt disturbs us
  0xfc, //                         cld                 stosw goes upward
  0x31,
  0xc0, //                   xor ax, ax
  0x8e,
  0xd8, //                   mov ds, ax          data and
  0x8e,
  0xc0, //                   mov es, ax          strings in segment 0
  0x66,
  0xff,
  0x06,
  0x04,
  0x90, // inc dword [0x9004]  one more boot
  0xbf,
  0x00,
  0x7e, //             mov di, 0x7e00      the marker's address
  0xb9,
  0x00,
  0x02, //             mov cx, 512         and words
  0x89,
  0xf8, //             mark: mov ax, di
  0x35,
  0x5a,
  0xa5, //             xor ax, 0xa55a
  0xab, //                         stosw               [di] = ax, di += 2
  0xe2,
  0xf8, //                   loop mark           until cx is 0
  0x66,
  0xff,
  0x06,
  0x00,
  0x90, // count: inc dword [0x9000]
  0xa1,
  0x08,
  0x90, //             mov ax, [0x9008]    an order?
  0x85,
  0xc0, //                   test ax, ax
  0x74,
  0xf4, //                   jz count
  0xc7,
  0x06,
  0x08,
  0x90,
  0x00,
  0x00, // mov word [0x9008], 0
  0x8b,
  0x16,
  0x0a,
  0x90, //       mov dx, [0x900a]
  0x84,
  0xe4, //                   test ah, ah
  0x75,
  0x03, //                   jnz word
  0xee, //                         out dx, al          a byte
  0xeb,
  0xe3, //                   jmp count
  0xef, //                   word: out dx, ax
  0xeb,
  0xe0, //                   jmp count
];

/** A raw disk image that boots the guest; the rest is not zero either. */
export function bootDisk(bytes: number): Uint8Array<ArrayBuffer> {
  const disk = new Uint8Array(bytes);
  for (let at = SECTOR_BYTES; at < bytes; at++) disk[at] = at % 251;
  disk.set(PROGRAM);
  disk.set([0x55, 0xaa], SECTOR_BYTES - 2); // what the firmware looks for
  return disk;
}

/** The bytes that the guest writes as its marker. */
export function markerBytes(): Uint8Array<ArrayBuffer> {
  const { address, words, key } = GUEST.marker;
  const bytes = new Uint8Array(words * 2);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += 2) {
    view.setUint16(at, (address + at) ^ key, true);
  }
  return bytes;
}
