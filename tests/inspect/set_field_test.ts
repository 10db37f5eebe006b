import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  changeOfField,
  fieldsAt,
  inspect,
  InspectError,
  writeChanged,
} from "../../lib/inspect/mod.ts";
import { MigrationStreamError } from "../../lib/migration/stream/mod.ts";
import { data } from "../../testing/data/data.ts";
import { joined } from "../../testing/streams/foreign.ts";
import {
  everyType,
  inputOf,
  mappedRam,
  postcopy,
  withRam,
} from "../../testing/streams/streams.ts";
import { inFolder } from "./folder.ts";

function opened(bytes: Uint8Array, start = 0) {
  const input = { ...inputOf(bytes), start };
  const inspection = inspect(input);
  assert(inspection.format === "migration-stream");
  return { input, inspection };
}

function change(bytes: Uint8Array, path: string, text: string) {
  const { inspection } = opened(bytes);
  return changeOfField(inspection, inspection.sections, { path, text });
}

/** What a field is in the copy with a change of it. */
function changed(
  folder: string,
  bytes: Uint8Array,
  path: string,
  value: string,
) {
  const { input } = opened(bytes);
  const file = `${folder}/${crypto.randomUUID()}`;
  const made = change(bytes, path, value);
  writeChanged(input, made, file);
  const now = Deno.readFileSync(file);
  assertEquals(now.length, bytes.length);
  const { inspection } = opened(now);
  assertEquals(inspection.problem, undefined);
  const different = now.findIndex((byte, at) => byte !== bytes[at]);
  const last = now.findLastIndex((byte, at) => byte !== bytes[at]);
  const end = made.offset + made.bytes.length;
  assert(different < 0 || (made.offset <= different && last < end));
  const [found] = inspection.sections.flatMap((it) => [...fieldsAt(it, path)]);
  const text = found?.bytes?.toHex() ?? found?.text;
  assertEquals(made.new.replaceAll(" ", ""), text?.replaceAll(" ", ""), path);
  return made.new;
}

Deno.test("a field gets another value of its own length", () =>
  inFolder((folder) => {
    const cases: Readonly<Record<string, readonly [string, string]>> = {
      "flag": ["false", "false"],
      "odd flag": ["1", "true"],
      "small": ["-7", "-7"],
      "unsigned": ["0xffffffff", "4294967295 (0xffffffff)"],
      "large": ["12", "12 (0xc)"],
      "timer": ["-1", "not armed"],
      "bits[1]": ["5", "5"],
      "raw": ["beef", "beef"],
      "packed[2]": ["9", "9"],
      "spelt[1]": ["9", "9"],
      "queue[1].a": ["4", "4"],
      "nested.inner/more.b": ["4", "4"],
      "dev/sub.s": ["200", "200 (0xc8)"],
    };
    for (const [path, [text, expected]] of Object.entries(cases)) {
      const now = changed(folder, everyType(), path, text);
      assertEquals(now.replaceAll(" ", ""), expected.replaceAll(" ", ""), path);
    }
    return Promise.resolve();
  }));

Deno.test("a field that virtio writes by hand is set, and one in a package", () =>
  inFolder(async (folder) => {
    const bytes = await data("cpr-exec-pc-rich.vm.state");
    const { inspection: { sections } } = opened(bytes);
    const blk = sections.filter(({ name }) => name.endsWith("/virtio-blk"));
    const { input, inspection } = opened(bytes);
    const made = changeOfField(inspection, blk, {
      path: "virtio.queues[0].num",
      text: "64",
    });
    writeChanged(input, made, `${folder}/blk`);
    const now = opened(Deno.readFileSync(`${folder}/blk`)).inspection;
    const found = now.sections.filter(({ name }) => name === blk[0]?.name)
      .flatMap((it) => [...fieldsAt(it, "virtio.queues[0].num")]);
    assertEquals(found.map(({ text }) => text), ["64 (0x40)"]);
    assertEquals(changed(folder, postcopy(), "data", "07"), "07");
  }));

Deno.test("what would have another length is refused, and what does not fit", () => {
  const fails = (path: string, text: string, message: string) =>
    assertThrows(() => change(everyType(), path, text), InspectError, message);
  fails("raw", "cafe00", "it has 2 bytes, and would have 3");
  fails("raw", "xy", "expected bytes in hex");
  fails("small", "0x80000000", 'does not fit "int32"');
  fails("unsigned", "-1", 'does not fit "uint32"');
  fails("large", "1e3", "expected an integer");
  fails("flag", "maybe", "expected true or false");
  fails("queue[0]", "1", "it is a null pointer");
  fails("absent", "1", 'Cannot find a field "absent"');
  fails("queue", "1", 'Cannot find a field "queue"');
});

Deno.test("a number of queues that are zeros cannot be set", async () => {
  const bytes = await data("cpr-exec-pc-rich.vm.state");
  const { inspection } = opened(bytes);
  const path = "virtio.virtio/virtqueues.queues_unused";
  const wanted = { path, text: "1000000000000" };
  const one = inspection.sections
    .find((it) => [...fieldsAt(it, wanted.path)].length > 0);
  assert(one !== undefined);
  assertThrows(
    () => changeOfField(inspection, [one], wanted),
    InspectError,
    "its length depends on its value",
  );
  assertThrows(
    () => changeOfField(inspection, inspection.sections, wanted),
    InspectError,
    "Cannot tell which field",
  );
});

Deno.test("a stream that would not be the same in another file is refused", () => {
  const bytes = mappedRam(512);
  const { inspection } = opened(bytes, 512);
  assertThrows(
    () => changeOfField(inspection, [], { path: "x", text: "1" }),
    InspectError,
    "offsets in the file",
  );
  assertThrows(
    () => change(withRam().slice(0, -1), "x", "1"),
    MigrationStreamError,
  );
});

Deno.test("no file is replaced, and a new one is private", () =>
  inFolder((folder) => {
    const bytes = withRam();
    const { input } = opened(bytes);
    const made = change(bytes, "x", "9");
    const path = `${folder}/out`;
    writeChanged(input, made, path);
    assertEquals((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
    const before = Deno.readFileSync(path);
    const again = change(bytes, "x", "10");
    assertThrows(
      () => writeChanged(input, again, path),
      InspectError,
      "EEXIST",
    );
    assertEquals(Deno.readFileSync(path), before);
    Deno.symlinkSync(path, `${folder}/link`);
    assertThrows(
      () => writeChanged(input, again, `${folder}/link`),
      InspectError,
      "EEXIST",
    );
    assertThrows(
      () => writeChanged(input, again, `${folder}/absent/out`),
      InspectError,
      "Cannot write",
    );
    assertEquals([...Deno.readDirSync(folder)].length, 2);
    return Promise.resolve();
  }));

Deno.test("pieces of zeros become holes", () =>
  inFolder((folder) => {
    const bytes = joined(withRam(), new Uint8Array(1024 * 1024));
    const { input } = opened(bytes);
    const path = `${folder}/out`;
    writeChanged(input, change(bytes, "x", "9"), path);
    assertEquals(Deno.readFileSync(path).subarray(-4), new Uint8Array(4));
    const { size, blocks } = Deno.statSync(path);
    assertEquals(size, bytes.length);
    assert((blocks ?? 0) * 512 < bytes.length);
    return Promise.resolve();
  }));
