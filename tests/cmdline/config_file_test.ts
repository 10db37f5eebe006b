import { assertEquals, assertThrows } from "@std/assert";
import { ConfigFileError, configWords } from "../../lib/cmdline/mod.ts";

Deno.test("each group is the option of that name", () => {
  assertEquals(
    configWords(`# of a manager
[machine]
graphics = "off"
  type = "q35"

[memory]
size = "1024M"
[smp-opts]
  cpus = "2"
[boot-opts]
  menu = "on"
[object "mem0"]
qom-type="memory-backend-memfd"
  share = "on"   # ignored
[device "a b"]
driver = "virtio-9p-pci"
mount_tag = "x,y"
path = ""
[global]
driver = "ICH9-LPC"
property = "disable_s3"
value = "1"
`),
    [
      ...["-machine", "graphics=off,type=q35"],
      ...["-m", "size=1024M", "-smp", "cpus=2", "-boot", "menu=on"],
      ...["-object", "qom-type=memory-backend-memfd,share=on,id=mem0"],
      ...["-device", "driver=virtio-9p-pci,mount_tag=x,,y,path=,id=a b"],
      ...["-global", "driver=ICH9-LPC,property=disable_s3,value=1"],
    ],
  );
  assertEquals(configWords(""), []);
});

Deno.test("a line that QEMU does not read is named", () => {
  const cases: readonly [string, number, string][] = [
    ['driver = "x"\n', 1, "no group before it"],
    ["[device]\n\nxyz\n", 3, "neither a group nor a key"],
    ["[device]\ndriver = x\n", 2, "neither a group nor a key"],
    ['[device]\na,b = "x"\n', 2, "neither a group nor a key"],
    ["[nothing]\n", 1, "unknown group"],
    ["[snapshot]\n", 1, "unknown group"],
    [" [device]\n", 1, "neither a group nor a key"],
    [`[device]\n${"k".repeat(64)} = "x"\n`, 2, "the name is too long"],
    [`[device]\nk = "${"x".repeat(1020)}"\n`, 2, "the line is too long"],
  ];
  for (const [text, number, why] of cases) {
    const error = assertThrows(() => configWords(text), ConfigFileError, why);
    assertEquals(error.number, number);
  }
});
