import { assertEquals } from "@std/assert";
import { forbidsExec } from "../../../lib/update/standby/exec_filter.ts";

const { arch, execve, execveat } = {
  x86_64: { arch: 0xc000003e, execve: 59, execveat: 322 },
  aarch64: { arch: 0xc00000b7, execve: 221, execveat: 281 },
}[Deno.build.arch];

type Instruction = readonly [code: number, yes: number, no: number, k: number];

const LOAD_NUMBER: Instruction = [0x20, 0, 0, 0];
const LOAD_ARCH: Instruction = [0x20, 0, 0, 4];
const ALLOW: Instruction = [0x06, 0, 0, 0x7fff0000];
const KILL: Instruction = [0x06, 0, 0, 0x80000000];
const FAIL: Instruction = [0x06, 0, 0, 0x00050001];

function filterOf(...instructions: readonly Instruction[]): Uint8Array {
  const bytes = new Uint8Array(8 * instructions.length);
  const view = new DataView(bytes.buffer);
  for (const [at, [code, yes, no, k]] of instructions.entries()) {
    view.setUint16(8 * at, code, true);
    view.setUint8(8 * at + 2, yes);
    view.setUint8(8 * at + 3, no);
    view.setUint32(8 * at + 4, k, true);
  }
  return bytes;
}

const FILTERS: readonly [string, Uint8Array, boolean][] = [
  ["allows all", filterOf(ALLOW), false],
  ["forbids all", filterOf(KILL), true],
  [
    "forbids both calls",
    filterOf(
      LOAD_ARCH,
      [0x15, 0, 3, arch],
      LOAD_NUMBER,
      [0x15, 2, 0, execve],
      [0x15, 1, 0, execveat],
      ALLOW,
      FAIL,
    ),
    true,
  ],
  [
    "forbids one of both calls, with which it was not executed",
    filterOf(LOAD_NUMBER, [0x15, 0, 1, execve], KILL, ALLOW),
    false,
  ],
  [
    "forbids them on another architecture",
    filterOf(LOAD_ARCH, [0x15, 0, 1, 1], KILL, ALLOW),
    false,
  ],
  [
    "forbids what is not below a number",
    filterOf(LOAD_NUMBER, [0x35, 1, 0, 5], ALLOW, KILL),
    true,
  ],
  [
    "jumps to the last instruction",
    filterOf([0x05, 0, 0, 1], ALLOW, KILL),
    true,
  ],
  [
    "masks its words",
    filterOf([0x20, 0, 0, 16], [0x54, 0, 0, 255], KILL),
    true,
  ],
  ["tells a tracer", filterOf([0x06, 0, 0, 0x7ff00000]), false],
  [
    "has an instruction that is not known",
    filterOf([0x9999, 0, 0, 0], KILL),
    false,
  ],
  ["has no end", filterOf(LOAD_NUMBER), false],
];

for (const [name, filter, expected] of FILTERS) {
  Deno.test(`a filter that ${name}`, () => {
    assertEquals(forbidsExec(filter), expected);
  });
}
