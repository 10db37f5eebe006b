import { assert, assertEquals, assertThrows } from "@std/assert";
import { extractRam, inspect, InspectError } from "../../lib/inspect/mod.ts";
import { MigrationStreamError } from "../../lib/migration/stream/mod.ts";
import {
  configuration,
  EOF,
  EOS,
  HEADER,
  joined,
  oneBlock,
  ramPart,
  ramStart,
  word,
} from "../../testing/streams/foreign.ts";
import { inFolder } from "./folder.ts";
import { inputOf, mappedRam, withRam } from "../../testing/streams/streams.ts";

const PAGE = 4096;

function extract(bytes: Uint8Array, folder: string) {
  const input = inputOf(bytes);
  const inspection = inspect(input);
  assert(inspection.format === "migration-stream");
  return extractRam(inspection, input, folder);
}

Deno.test("the last of a page's records counts, and zeros are holes", () =>
  inFolder(async (folder) => {
    const files = extract(withRam(), `${folder}/a/b`);
    assertEquals(
      files.map(({ block, path, size }) => [block, path, size]),
      [
        ["ram0", `${folder}/a/b/ram0`, 0x4000],
        ["/rom@etc/x", `${folder}/a/b/_rom@etc_x`, 0x2000],
      ],
    );
    const ram = await Deno.readFile(`${folder}/a/b/ram0`);
    assertEquals(ram.length, 0x4000);
    assertEquals(ram[0x11], 0x11);
    assert(ram.subarray(PAGE).every((byte) => byte === 0));
    const rom = await Deno.readFile(`${folder}/a/b/_rom@etc_x`);
    assertEquals([rom[PAGE - 1], rom[PAGE]], [0, 0x5a]);
    const { mode, blocks } = await Deno.stat(`${folder}/a/b/_rom@etc_x`);
    assertEquals((mode ?? 0) & 0o777, 0o600);
    assert((blocks ?? 0) * 512 <= PAGE, "it has a hole");
  }));

Deno.test("no file is replaced", () =>
  inFolder(async (folder) => {
    await Deno.symlink("/dev/null", `${folder}/ram0`);
    assertThrows(() => extract(withRam(), folder), InspectError, "EEXIST");
    assertEquals([...Deno.readDirSync(folder)].length, 1);
  }));

/** Blocks of one page each, each page filled with its number. */
function blocks(...names: string[]): Uint8Array {
  const encoder = new TextEncoder();
  const list = names.map((name) => oneBlock(name, PAGE).subarray(8));
  const pages = names.map((name, index) => {
    const encoded = encoder.encode(name);
    return joined(
      word(8),
      [encoded.length, ...encoded],
      new Uint8Array(PAGE).fill(index + 1),
    );
  });
  return joined(
    HEADER,
    configuration(),
    ramStart(joined(word(names.length * PAGE + 4), ...list, EOS)),
    ramPart(joined(...pages, EOS)),
    EOF,
  );
}

Deno.test("hostile names stay in the folder, one file each", () =>
  inFolder(async (folder) => {
    const names = ["..", ".", "../../x", "a/b", "a_b", "\u001b[2J", "ä"];
    const files = extract(blocks(...names), `${folder}/ram`);
    for (const [index, { block, path }] of files.entries()) {
      assertEquals(block, names[index]);
      const [byte] = await Deno.readFile(path);
      assertEquals(byte, index + 1, block);
    }
    assertEquals([...Deno.readDirSync(folder)].map(({ name }) => name), [
      "ram",
    ]);
    assertEquals([...Deno.readDirSync(`${folder}/ram`)].length, names.length);
    assert(files.every(({ path }) => /\/ram\/[\w@:,+=.-]+$/.test(path)));
  }));

Deno.test("pages of mapped-ram are taken by their bitmap", () =>
  inFolder(async (folder) => {
    const inspection = inspect(inputOf(mappedRam()));
    assert(inspection.format === "migration-stream");
    assertEquals(inspection.problem, undefined);
    const [block] = inspection.ram;
    assertEquals([block?.pages, block?.zeroPages], [2, 1]);
    const [file] = extract(mappedRam(), `${folder}/ram`);
    const bytes = await Deno.readFile(file?.path ?? "");
    assertEquals(
      [bytes.length, bytes[0], bytes[PAGE], bytes[2 * PAGE]],
      [3 * PAGE, 1, 0, 3],
    );
    assertEquals(file?.written, 2 * PAGE);
  }));

function delta(...coded: number[]): Uint8Array {
  return joined(
    HEADER,
    configuration(),
    ramStart(joined(oneBlock("r", 2 * PAGE), EOS)),
    ramPart(joined(
      ...[word(8), [1, 0x72], new Uint8Array(PAGE).fill(9)],
      ...[word(0x60), [1, coded.length >> 8, coded.length & 0xff], coded],
      EOS,
    )),
    EOF,
  );
}

Deno.test("a difference is applied to the page before it", () =>
  inFolder(async (folder) => {
    const bytes = delta(2, 3, 1, 2, 3, 0x80 | 0x7a, 0x1f, 1, 7);
    const [file] = extract(bytes, `${folder}/ram`);
    const page = await Deno.readFile(file?.path ?? "");
    assertEquals([...page.subarray(0, 6)], [9, 9, 1, 2, 3, 9]);
    assertEquals([...page.subarray(4095 - 4, 4096)], [9, 9, 9, 9, 7]);
  }));

Deno.test("compressed pages are said to be unreadable, and no file is left", () =>
  inFolder((folder) => {
    const bytes = joined(
      HEADER,
      configuration(),
      ramStart(joined(oneBlock("r", 2 * PAGE), EOS)),
      ramPart(joined(word(0x100), [1, 0x72], [0, 0, 0, 2], [1, 2], EOS)),
      EOF,
    );
    assertThrows(() => extract(bytes, folder), InspectError, "compressed");
    assertEquals([...Deno.readDirSync(folder)], []);
  }));

Deno.test("where a file cannot be written, none is left", () =>
  inFolder((folder) => {
    const bytes = withRam();
    Deno.writeTextFileSync(`${folder}/_rom@etc_x`, "");
    assertThrows(() => extract(bytes, folder), InspectError, "EEXIST");
    const left = [...Deno.readDirSync(folder)].map(({ name }) => name);
    assertEquals(left, ["_rom@etc_x"]);
  }));

Deno.test("a stream of many blocks has few files open", () =>
  inFolder((folder) => {
    const most = Array.from(Deno.readDirSync("/proc/self/fd")).length + 64 + 5;
    const names = Array.from({ length: 200 }, (_, index) => `r${index}`);
    const input = inputOf(blocks(...names));
    const inspection = inspect(input);
    assert(inspection.format === "migration-stream");
    let seen = 0;
    const files = extractRam(inspection, input, `${folder}/ram`, () => {
      seen++;
      assert([...Deno.readDirSync("/proc/self/fd")].length <= most);
    });
    assertEquals(seen, names.length);
    for (const [index, { path }] of files.entries()) {
      assertEquals(Deno.readFileSync(path)[0], (index + 1) & 0xff);
    }
  }));

/** What is left of `count` blocks if the stream is cut off after `done`. */
async function leftOf(count: number, done: number): Promise<string[]> {
  let left: string[] = [];
  await inFolder(async (folder) => {
    const stream = `${folder}/stream`;
    // Large enough to be mapped, and to be beyond what was read ahead.
    const names = Array.from({ length: count }, (_, index) => `r${index}`);
    await Deno.writeFile(stream, blocks(...names));
    await Deno.truncate(stream, 65 * 1024 ** 2);
    const program = new URL("programs/extract_cut_off.ts", import.meta.url);
    const words = [program.pathname, stream, folder, `${done}`];
    const { code, signal } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", ...words],
      signal: AbortSignal.timeout(60_000),
    }).output();
    assertEquals([code, signal], [135, "SIGBUS"]);
    left = [...Deno.readDirSync(`${folder}/ram`)].map(({ name }) => name);
  });
  return left;
}

Deno.test("nothing is left where the stream's owner cuts it off meanwhile", async () => {
  assertEquals(await leftOf(3, 1), []);
});

Deno.test("nothing that looks whole is left of many blocks", async () => {
  assertEquals((await leftOf(70, 66)).sort(), [
    "r64.part",
    "r65.part",
    "r66.part",
  ]);
});

Deno.test("a difference that leads out of its page is refused", () =>
  inFolder((folder) => {
    const wrong = [
      [0x80, 0x20, 1, 7],
      [0, 5, 1],
      [0x80, 0x80, 1, 1],
      [1],
      [0x80],
    ];
    for (const [index, coded] of wrong.entries()) {
      const error = assertThrows(
        () => extract(delta(...coded), `${folder}/${index}`),
        MigrationStreamError,
        "XBZRLE",
      );
      assert(error.location.offset > 0);
    }
  }));
