import { assert, assertEquals, assertThrows } from "@std/assert";
import { StreamError } from "../../../lib/stream/mod.ts";
import { UpdateProblem } from "../../../lib/update/error.ts";
import type { Hold } from "../../../lib/update/transaction/hold.ts";
import { SavedState } from "../../../lib/update/transaction/saved_state.ts";
import { data } from "../../../testing/data/data.ts";
import { said } from "../../ffi/processes.ts";

/** A state file with a real stream in it. */
async function stateFile() {
  const directory = await Deno.makeTempDir({ prefix: "cprctl-state-" });
  const path = `${directory}/vm.state`;
  const bytes = await data("cpr-exec-q35-plain.vm.state");
  await Deno.writeFile(path, bytes);
  return {
    path,
    bytes,
    [Symbol.dispose]: () => Deno.removeSync(directory, { recursive: true }),
  };
}

/** What is held, by RAMBlock name. */
function holding(...names: string[]): Hold {
  return {
    cprState: { descriptors: [] },
    descriptors: new Map(),
    ram: { blocks: names.length, bytes: 0 },
    has: (name: string) => names.includes(name),
    hasMemory: (name: string) => names.includes(name),
    [Symbol.dispose]() {},
  } as unknown as Hold;
}

const BLOCKS = [
  "ram0",
  "/rom@etc/acpi/tables",
  "pc.bios",
  "pc.rom",
  "/rom@etc/table-loader",
  "/rom@etc/acpi/rsdp",
];

Deno.test("a complete state is kept and verified", async () => {
  using file = await stateFile();
  using state = SavedState.open(file.path);
  assert(!state.complete);
  assertEquals(state.keep(false), undefined);
  assert(state.complete);
  assert(!state.restore(), "nothing was altered");
});

Deno.test("an altered or truncated file is rewritten from what was kept", async () => {
  using file = await stateFile();
  using state = SavedState.open(file.path);
  state.keep(true);
  const altered = file.bytes.slice();
  altered[30_000] = (altered[30_000] ?? 0) ^ 1;
  const damages = [altered, file.bytes.slice(0, 500), new Uint8Array(0)];
  for (const damage of damages) {
    await Deno.writeFile(file.path, damage);
    assert(state.restore());
    assertEquals(await Deno.readFile(file.path), file.bytes);
  }
});

Deno.test("an incomplete state is refused unless the source reported completion", async () => {
  using file = await stateFile();
  await Deno.truncate(file.path, 20_000);
  using state = SavedState.open(file.path);
  assertThrows(() => state.keep(false), StreamError);
  assert(!state.complete);
  const doubt = state.keep(true);
  assert(doubt !== undefined && doubt !== "");
  assert(state.complete);
});

Deno.test("every RAMBlock of the stream must be held or be a file", async () => {
  using file = await stateFile();
  using state = SavedState.open(file.path);
  state.checkRam(holding(...BLOCKS), () => false);
  state.checkRam(holding(...BLOCKS.slice(1)), (name) => name === "ram0");
  const error = assertThrows(
    () => state.checkRam(holding(...BLOCKS.slice(2)), () => false),
    UpdateProblem,
    '"ram0", "/rom@etc/acpi/tables"',
  );
  assert(error.remedy?.includes("share=on"));
});

Deno.test("memory of a device is held by the name of its backend, and by its size", async () => {
  using file = await stateFile();
  using state = SavedState.open(file.path);
  const tables = BLOCKS[1] ?? "";
  const rest = BLOCKS.filter((name) => name !== tables);
  const held = (size: number): Hold => ({
    ...holding(...rest),
    hasMemory: (name, wanted) => name === "tables" && wanted === size,
  } as Hold);
  const backends = new Set(["tables"]);
  const check = (size: number, devices: ReadonlySet<string>) =>
    state.checkRam(held(size), () => false, devices);
  check(0x20000, backends);
  assertThrows(() => check(0x10000, backends), UpdateProblem, tables);
  assertThrows(() => check(0x20000, new Set()), UpdateProblem, tables);
  state.checkRam(held(0), (name) => name === "tables", backends);
});

Deno.test("a state file in a directory that is gone stays readable", async () => {
  let state: SavedState;
  {
    using file = await stateFile();
    state = SavedState.open(file.path);
  }
  using kept = state;
  assertEquals(kept.keep(false), undefined);
});

const MIB = 1024 ** 2;
const PROGRAM = new URL("programs/keep_state.ts", import.meta.url).pathname;

/** A file whose bytes were chosen to take as much memory as they can. */
const HOSTILE: readonly [
  string,
  (stream: Uint8Array<ArrayBuffer>) => BlobPart[],
][] = [
  ["an endless tail", (stream) => [stream.slice(), new Uint8Array(60 * MIB)]],
  ["millions of commands", (stream) => {
    const command = Uint8Array.of(8, 0, 0x0b, 0, 0);
    const at = indexOf(stream, command);
    const commands = new Uint8Array(9 * MIB).map((_, i) => command[i % 5] ?? 0);
    return [
      stream.slice(0, at),
      commands.slice(0, commands.length - commands.length % 5),
      stream.slice(at),
    ];
  }],
  ["lists in lists", (stream) => describedBy(stream, "[".repeat(9 * MIB))],
  ["a list of numbers", (stream) => describedBy(stream, "0,".repeat(4 * MIB))],
  ["devices without fields", (stream) => {
    const device = '{"name":"a","instance_id":0,"vmsd_name":"a","version":1,' +
      '"fields":[]},';
    const count = Math.floor(9 * MIB / device.length);
    return describedBy(stream, device.repeat(count));
  }],
];

function indexOf(bytes: Uint8Array, part: Uint8Array): number {
  return bytes.findIndex((_, at) =>
    part.every((byte, index) => bytes[at + index] === byte)
  );
}

/** The stream with something at the beginning of its description's devices. */
function describedBy(
  stream: Uint8Array<ArrayBuffer>,
  text: string,
): BlobPart[] {
  const start = indexOf(stream, new TextEncoder().encode('{"configuration"'));
  const size = new DataView(stream.buffer, stream.byteOffset)
    .getUint32(start - 4);
  const description = new TextDecoder()
    .decode(stream.subarray(start, start + size))
    .replace('"devices": [', () => `"devices": [${text}`);
  const bytes = new TextEncoder().encode(description);
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, bytes.length);
  return [
    stream.slice(0, start - 4),
    length,
    bytes,
    stream.slice(start + size),
  ];
}

for (const [what, make] of HOSTILE) {
  Deno.test(`a state with ${what} takes no more than 256 MiB of memory`, async () => {
    using file = await stateFile();
    const bytes = await new Blob(make(file.bytes)).bytes();
    assert(bytes.length > 8 * MIB, `${bytes.length}`);
    await Deno.writeFile(file.path, bytes);
    const deno = [Deno.execPath(), "run", "--allow-all", "--no-check"];
    const [peak, doubt] = JSON.parse(await said([...deno, PROGRAM, file.path]));
    assert(doubt !== null, "it was verified");
    assert(peak > 0 && peak < 256 * MIB, `${peak} bytes`);
  });
}

Deno.test("a state above the limit is not read", async () => {
  using file = await stateFile();
  using state = SavedState.open(file.path);
  await Deno.truncate(file.path, 2 ** 40);
  assertThrows(
    () => state.keep(true),
    UpdateProblem,
    "more than devices can need",
  );
});

Deno.test("a large state is kept unverified if the source reported completion", async () => {
  using file = await stateFile();
  using state = SavedState.open(file.path);
  await Deno.truncate(file.path, 11 * MIB);
  assertThrows(() => state.keep(false), UpdateProblem, "cannot be verified");
  assert(state.keep(true)?.includes("too large"));
  assert(!state.restore());
  await Deno.truncate(file.path, 12 * MIB);
  assert(state.restore());
  assertEquals((await Deno.stat(file.path)).size, 11 * MIB);
});
