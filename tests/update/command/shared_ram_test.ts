import { assertEquals } from "@std/assert";
import { CommandLine } from "../../../lib/update/command/command_line.ts";
import { sharingWords } from "../../../lib/update/command/shared_ram.ts";

Deno.test("the words that share all RAM are the VM's own", () => {
  const memfd = "memory-backend-memfd,id=ram0";
  for (
    const [words, expected] of [
      [
        "-machine q35,accel=kvm -m 2G",
        "-machine q35,accel=kvm,aux-ram-share=on,memory-backend=ram0 " +
        `-object ${memfd},size=2G,share=on`,
      ],
      [
        "-m 512 -M q35,aux-ram-share=off -M smm=off",
        "-machine q35,aux-ram-share=on,smm=off,memory-backend=ram0 " +
        `-object ${memfd},size=512M,share=on`,
      ],
      [
        "",
        "-machine aux-ram-share=on,memory-backend=ram0 " +
        `-object ${memfd},size=128M,share=on`,
      ],
      [
        `-machine q35,memory-backend=ram0 -object ${memfd},size=1G,share=off`,
        "-machine q35,memory-backend=ram0,aux-ram-share=on " +
        `-object ${memfd},size=1G,share=on`,
      ],
      [
        "-machine q35 -numa node,memdev=a -object memory-backend-ram,id=a,size=1G",
        "-machine q35,aux-ram-share=on " +
        "-object memory-backend-ram,id=a,size=1G,share=on",
      ],
    ] as const
  ) {
    const argv = ["qemu", ...words.split(" ").filter((it) => it !== "")];
    assertEquals(sharingWords(CommandLine.parse("QEMU", argv)), expected);
  }
});
