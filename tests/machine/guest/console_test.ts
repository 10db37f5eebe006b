import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { RAM_BASE } from "../../../lib/machine/cpu/mod.ts";
import {
  AUX_RAM,
  FINISHER,
  Platform,
} from "../../../lib/machine/devices/mod.ts";
import {
  type Console,
  emitConsole,
} from "../../../lib/machine/guest/console.ts";
import {
  a0,
  a1,
  a2,
  Assembler,
  s4,
  s5,
  sp,
  t0,
  t1,
} from "../../../lib/machine/guest/mod.ts";

/** What a program prints before it powers off. */
function printed(program: (a: Assembler, console: Console) => void): string {
  const a = new Assembler(RAM_BASE);
  const main = a.label("main");
  a.j(main);
  const console = emitConsole(a);
  a.bind(main);
  a.li(sp, RAM_BASE + 0x1000);
  program(a, console);
  a.li(t0, FINISHER.base);
  a.li(t1, 0x5555);
  a.sw(t1, 0, t0);

  const ram = new Uint8Array(0x1000);
  ram.set(a.finish());
  let output = "";
  const platform = new Platform({
    ram,
    auxRam: new Uint8Array(AUX_RAM.size),
    clock: () => 0n,
    serial: (byte) => output += String.fromCharCode(byte),
  });
  assertEquals(platform.run(100_000).reason, "halt");
  assertEquals(platform.takeStopRequest(), "poweroff");
  return output;
}

function decimal(value: bigint, digits: number): string {
  return printed((a, console) => {
    a.li(a0, Number(BigInt.asUintN(32, value)));
    a.li(a1, Number(value >> 32n));
    a.li(a2, digits);
    a.call(console.decimal);
  });
}

Deno.test("console: prints 64-bit numbers in decimal", () => {
  for (
    const value of [0n, 9n, 10n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 64n - 1n]
  ) assertEquals(decimal(value, 1), `${value}`);
  fc.assert(fc.property(
    fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
    fc.integer({ min: 0, max: 20 }),
    (value, digits) => {
      assertEquals(decimal(value, digits), `${value}`.padStart(digits, "0"));
    },
  ));
});

Deno.test("console: prints text up to its NUL and keeps s registers", () => {
  const output = printed((a, console) => {
    const main = a.label("main");
    a.j(main);
    const hello = a.here("hello");
    a.text("hello, ");
    const world = a.here("world");
    a.text("world");
    a.bind(main);
    a.la(s4, world);
    a.li(s5, "!".charCodeAt(0));
    a.la(a0, hello);
    a.call(console.puts);
    a.mv(a0, s4);
    a.call(console.puts);
    a.mv(a0, s5);
    a.call(console.putc);
  });
  assertEquals(output, "hello, world!");
});
