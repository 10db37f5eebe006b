/**
 * The guest: a boot sector that shows from outside whether it lives on.
 *
 * ```
 *   0x7c00  this program
 *   0x7e00  the marker: 512 words, each its own address XOR 0xa55a
 *   0x9000  le32 counter, incremented at each interrupt of the timer, or for ever
 *   0x9004  le32 number of boots since the RAM was zero
 *   0x9008  le16 what to write to an I/O port; the guest clears it, and does so
 *   0x900a  le16 the port
 * ```
 *
 * RAM that was lost shows in the marker, a reset in the number of boots, a
 * guest that went back in time in the counter, a timer that was lost there too.
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
const PROGRAM = [
  [0xfa], //                                 cli
  [0xfc], //                                 cld                stosw goes upward
  [0x31, 0xc0], //                           xor ax, ax
  [0x8e, 0xd8], //                           mov ds, ax         data,
  [0x8e, 0xc0], //                           mov es, ax         strings,
  [0x8e, 0xd0], //                           mov ss, ax         and stack in segment 0
  [0xbc, 0x00, 0x7c], //                     mov sp, 0x7c00
  [0x66, 0xff, 0x06, 0x04, 0x90], //         inc dword [0x9004] one more boot
  [0xbf, 0x00, 0x7e], //                     mov di, 0x7e00     the marker's address
  [0xb9, 0x00, 0x02], //                     mov cx, 512        and words
  [0x89, 0xf8], //                           mark: mov ax, di
  [0x35, 0x5a, 0xa5], //                     xor ax, 0xa55a
  [0xab], //                                 stosw              [di] = ax, di += 2
  [0xe2, 0xf8], //                           loop mark          until cx is 0
  [0xc7, 0x06, 0x20, 0x00, 0x62, 0x7c], //   mov word [0x20], tick
  [0xc7, 0x06, 0x22, 0x00, 0x00, 0x00], //   mov word [0x22], 0
  [0xb0, 0x34], //                           mov al, 0x34       channel 0 of the PIT
  [0xe6, 0x43], //                           out 0x43, al
  [0xb0, 0xa4], //                           mov al, 0xa4       interrupts 250 times
  [0xe6, 0x40], //                           out 0x40, al       a second
  [0xb0, 0x12], //                           mov al, 0x12
  [0xe6, 0x40], //                           out 0x40, al
  [0xb0, 0xfe], //                           mov al, 0xfe
  [0xe6, 0x21], //                           out 0x21, al       and nothing else does
  [0xb0, 0xff], //                           mov al, 0xff
  [0xe6, 0xa1], //                           out 0xa1, al
  [0xfb], //                                 count: sti
  [0xf4], //                                 hlt                until then
  [0x66, 0xff, 0x06, 0x00, 0x90], //         inc dword [0x9000]
  [0xa1, 0x08, 0x90], //                     mov ax, [0x9008]   an order?
  [0x85, 0xc0], //                           test ax, ax
  [0x74, 0xf2], //                           jz count
  [0xc7, 0x06, 0x08, 0x90, 0x00, 0x00], //   mov word [0x9008], 0
  [0x8b, 0x16, 0x0a, 0x90], //               mov dx, [0x900a]
  [0x84, 0xe4], //                           test ah, ah
  [0x75, 0x03], //                           jnz word
  [0xee], //                                 out dx, al         a byte
  [0xeb, 0xe1], //                           jmp count
  [0xef], //                                 word: out dx, ax
  [0xeb, 0xde], //                           jmp count
  [0x50], //                                 tick: push ax
  [0xb0, 0x20], //                           mov al, 0x20
  [0xe6, 0x20], //                           out 0x20, al       end of interrupt
  [0x58], //                                 pop ax
  [0xcf], //                                 iret
].flat();

/** Where the guest waits for an interrupt, and what it does instead if it is busy. */
const WAITS = PROGRAM.indexOf(0xf4);
const NOP = 0x90;

/**
 * A raw disk image that boots the guest; the rest is not zero either.
 *
 * @param isBusy whether it takes all of the CPU: its counter tells time better
 */
export function bootDisk(
  bytes: number,
  isBusy = false,
): Uint8Array<ArrayBuffer> {
  const disk = new Uint8Array(bytes);
  for (let at = SECTOR_BYTES; at < bytes; at++) disk[at] = at % 251;
  disk.set(PROGRAM);
  if (isBusy) disk[WAITS] = NOP;
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
