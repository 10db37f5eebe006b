import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  keysOf,
  MissingValueError,
  type OptionTable,
  parseArguments,
  QEMU_OPTIONS,
  UnknownOptionError,
  withValue,
} from "../../lib/cmdline/mod.ts";

const COMMAND_LINE = [
  "-M",
  "q35,accel=kvm,aux-ram-share=on",
  "--nodefaults",
  "-m",
  "128M",
  "-object",
  '{"qom-type":"memory-backend-memfd","id":"ram 0","size":134217728}',
  "/var/lib/a disk.img",
  "-S",
  "-append",
  "-not-an-option root=/dev/vda",
];

Deno.test("options, values, aliases and a disk", () => {
  assertEquals(
    parseArguments(COMMAND_LINE).map(({ option, value, index }) => [
      index,
      option,
      value,
    ]),
    [
      [0, "machine", COMMAND_LINE[1]],
      [2, "nodefaults", undefined],
      [3, "m", "128M"],
      [5, "object", COMMAND_LINE[6]],
      [7, "hda", "/var/lib/a disk.img"],
      [8, "S", undefined],
      [9, "append", COMMAND_LINE[10]],
    ],
  );
});

Deno.test("a changed value leaves the option's word as it was", () => {
  const [machine, , , , disk] = parseArguments(COMMAND_LINE);
  if (machine === undefined || disk === undefined) throw new Error("no option");
  const pinned = keysOf(machine).with("type", "pc-q35-11.1");
  assertEquals(withValue(machine, pinned.toString()).words, [
    "-M",
    "pc-q35-11.1,accel=kvm,aux-ram-share=on",
  ]);
  assertEquals(withValue(disk, "b.img").words, ["b.img"]);
});

Deno.test("the values of every option are read by its own implied key", () => {
  const argument = parseArguments(["-device", "e1000,id=a"])[0];
  if (argument === undefined) throw new Error("no option");
  assertEquals(keysOf(argument).get("driver"), "e1000");
});

Deno.test("an unknown option is named with its place", () => {
  const error = assertThrows(
    () => parseArguments(["-S", "--no-such"]),
    UnknownOptionError,
    'Cannot parse option "--no-such": unknown option',
  );
  assertEquals(error.index, 1);
  for (const word of ["-", "--", "---S", "-S=on", "-machine=q35"]) {
    assertThrows(() => parseArguments([word]), UnknownOptionError);
  }
});

Deno.test("a value that is missing is named", () => {
  const error = assertThrows(
    () => parseArguments(["-S", "-m"]),
    MissingValueError,
    'Cannot parse option "-m": requires an argument',
  );
  assertEquals(error.index, 1);
});

Deno.test("a table of one's own has only its own options", () => {
  const table: OptionTable = new Map([["x", { takesValue: true }]]);
  assertEquals(parseArguments(["-x", "-y"], table)[0]?.value, "-y");
  assertThrows(() => parseArguments(["-S"], table), UnknownOptionError);
  assertThrows(() => parseArguments(["a.img"], table), UnknownOptionError);
});

Deno.test("the table is that of QEMU 11.1", () => {
  assertEquals(QEMU_OPTIONS.size, 116);
});

Deno.test("every command line comes back as it was", () => {
  const name = fc.constantFrom(...QEMU_OPTIONS.entries());
  const option = fc.tuple(name, fc.constantFrom("-", "--"), fc.string()).map(
    ([[name, spec], dash, value]) =>
      spec.takesValue ? [dash + name, value] : [dash + name],
  );
  const disk = fc.string().filter((text) => !text.startsWith("-")).map(
    (text) => [text],
  );
  fc.assert(fc.property(fc.array(fc.oneof(option, disk)), (parts) => {
    const words = parts.flat();
    const parsed = parseArguments(words);
    assertEquals(parsed.length, parts.length);
    assertEquals(parsed.flatMap(({ words }) => words), words);
    assertEquals(
      parsed.map(({ words, index }) => [index, words.length]),
      parts.map((part, at) => [parts.slice(0, at).flat().length, part.length]),
    );
  }));
});
