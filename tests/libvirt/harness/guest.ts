/**
 * The guest of the domains: a boot sector that obeys the power button, and
 * answers on the terminal each byte with the sum of it and the number of boots.
 * That is in the CMOS, which a reset leaves alone, and in RAM, so that a RAM that
 * was lost, or a reset, shows in the answer.
 *
 * @module
 */

const SECTOR_BYTES = 512;

/** 16-bit real mode. */
const PROGRAM = [
  [0xfa], //                     cli
  [0x31, 0xc0], //               xor ax, ax
  [0x8e, 0xd8], //               mov ds, ax
  [0xb0, 0x60], //               mov al, 0x60         a free byte of the CMOS
  [0xe6, 0x70], //               out 0x70, al
  [0xe4, 0x71], //               in al, 0x71
  [0xfe, 0xc0], //               inc al               one more boot
  [0xe6, 0x71], //               out 0x71, al
  [0xa2, 0x04, 0x90], //         mov [0x9004], al
  [0xba, 0x02, 0x06], //         mov dx, 0x602        PM1 enable register
  [0xb8, 0x00, 0x01], //         mov ax, 0x100        the power button
  [0xef], //                     out dx, ax
  [0xb0, 0xfe], //               mov al, 0xfe         the timer's interrupt
  [0xe6, 0x21], //               out 0x21, al         and no other
  [0xb0, 0xff], //               mov al, 0xff
  [0xe6, 0xa1], //               out 0xa1, al
  [0xfb], //                     sti
  [0xf4], //                     wait: hlt
  [0xba, 0xfd, 0x03], //         mov dx, 0x3fd        line status
  [0xec], //                     in al, dx
  [0xa8, 0x01], //               test al, 1           a byte?
  [0x74, 0x09], //               jz button
  [0xba, 0xf8, 0x03], //         mov dx, 0x3f8
  [0xec], //                     in al, dx
  [0x02, 0x06, 0x04, 0x90], //   add al, [0x9004]
  [0xee], //                     out dx, al
  [0xba, 0x00, 0x06], //         button: mov dx, 0x600   PM1 status register
  [0xed], //                     in ax, dx
  [0xf6, 0xc4, 0x01], //         test ah, 1           pressed?
  [0x74, 0xe5], //               jz wait
  [0xba, 0x04, 0x06], //         mov dx, 0x604        PM1 control register
  [0xb8, 0x00, 0x20], //         mov ax, 0x2000       enter S5
  [0xef], //                     out dx, ax
  [0xeb, 0xdc], //               jmp wait
].flat();

/** A raw disk image that boots the guest. */
export function bootDisk(bytes: number): Uint8Array<ArrayBuffer> {
  const disk = new Uint8Array(bytes);
  disk.set(PROGRAM);
  disk.set([0x55, 0xaa], SECTOR_BYTES - 2); // what the firmware looks for
  return disk;
}
