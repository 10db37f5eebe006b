import { assertEquals } from "@std/assert";
import { addressIn } from "../../../lib/update/process/old_memory.ts";

/** As a QEMU with KVM has them. */
const MEMORY = `\
55840f400000-55840f9de000 ---p 00000000 fe:00 1573 /usr/bin/qemu-system-x86_64
55840fa00000-55840ffde000 r--p 00600000 fe:00 1573 /usr/bin/qemu-system-x86_64
558448a47000-558449b0d000 rw-p 00000000 00:00 0                          [heap]
7f8a8c000000-7f8a8c021000 rw-p 00000000 00:00 0
7f8a90000000-7f8a98000000 rw-s 00000000 00:01 1089  /memfd:pc ram (deleted)
7f8aa3e00000-7f8aa3e03000 rw-s 00000000 00:0f 2077  anon_inode:kvm-vcpu:0
7f8aa4001000-7f8aa4002000 rw-s 00000000 00:0f 2077  anon_inode:[io_uring]
7f8aa5001000-7f8aa5002000 rw-s 00000000 00:1a 12    /dev/shm/ram file
7ffd5c9a6000-7ffd5c9c7000 rw-p 00000000 00:00 0                          [stack]
`;

Deno.test("an address space with only memory is kept", () => {
  assertEquals(addressIn(MEMORY), 0x55840fa00000n);
});

for (
  const path of [
    "/dev/vfio/12",
    "/dev/dri/renderD128",
    "anon_inode:[vfio-device]",
    "socket:[4711]",
    "/sys/devices/pci0000:00/resource0",
    "/dmabuf:",
  ]
) {
  Deno.test(`a process that has "${path}" mapped is left alone`, () => {
    const line = `7f8aa6001000-7f8aa6002000 rw-s 00000000 00:0f 9 ${path}\n`;
    assertEquals(addressIn(MEMORY + line), undefined);
  });
}

Deno.test("a process without memory has none to keep", () => {
  assertEquals(addressIn(""), undefined);
});
