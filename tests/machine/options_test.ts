import { assertEquals, assertThrows } from "@std/assert";
import { OptionValueError } from "../../lib/cmdline/mod.ts";
import { parseMachineOptions } from "../../lib/machine/options.ts";

const MIB = 1024 * 1024;

Deno.test("what is said is understood, what is not said is QEMU's default", () => {
  const nothing = parseMachineOptions([]);
  assertEquals(nothing.ram, {
    id: "virt.ram",
    size: 16 * MIB,
    share: false,
    path: undefined,
    named: false,
  });
  assertEquals([nothing.auxRamShare, nothing.monitor], [false, false]);
  const much = parseMachineOptions([
    ...["-machine", "virt,aux-ram-share=on,memory-backend=b"],
    ...["-object", "memory-backend-memfd,id=a,size=1M"],
    ...["-object", "memory-backend-memfd,id=b,size=2M,share=off"],
    ...["-object", "memory-backend-memfd,id=c,size=3M"],
    ...["-name", "one", "-S", "-serial", "chardev:log"],
    ...["-chardev", "file,id=log,path=/var/log,append=on"],
    ...["-display", "none", "-nodefaults"],
  ]);
  assertEquals(much.ram, {
    id: "b",
    size: 2 * MIB,
    share: false,
    path: undefined,
    named: true,
  });
  assertEquals(much.serial, { type: "file", path: "/var/log", append: true });
  assertEquals([much.name, much.startStopped], ["one", true]);
});

/** Options with a key that they do not have, and the key. */
const SLIPS: readonly [string, string, string][] = [
  ["-machine", "virt,aux-ram-shar=on", "aux-ram-shar"],
  ["-M", "virt,accel=kvm", "accel"],
  ["-m", "size=1M,slots=2", "slots"],
  ["-object", "memory-backend-memfd,id=a,size=1M,shared=on", "shared"],
  ["-name", "a,c=d", "c"],
  ["-chardev", "file,id=a,path=/x,apend=on", "apend"],
];

for (const [option, value, key] of SLIPS) {
  Deno.test(`a key that is not there is refused by name: ${option} ${value}`, () => {
    const error = assertThrows(
      () => parseMachineOptions([option, value]),
      OptionValueError,
      "has only",
    );
    assertEquals(error.key, key);
  });
}

Deno.test("a backend cannot have the name of the machine's own RAM", () => {
  assertThrows(
    () =>
      parseMachineOptions([
        ...["-object", "memory-backend-memfd,id=virt.aux,size=1M"],
      ]),
    OptionValueError,
    'Cannot set "id" to "virt.aux"',
  );
});
