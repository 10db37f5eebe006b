import { assert, assertEquals, assertThrows } from "@std/assert";
import { findPage, inspect, InspectError } from "../../lib/inspect/mod.ts";
import { MigrationStreamError } from "../../lib/migration/stream/mod.ts";
import { joined, word } from "../../testing/streams/foreign.ts";
import {
  codedPages,
  inputOf,
  mappedRam,
  withRam,
} from "../../testing/streams/streams.ts";

function find(bytes: Uint8Array, block: string, offset: number) {
  const inspection = inspect(inputOf(bytes));
  assert(inspection.format === "migration-stream");
  const { content, records, offset: start } = findPage(inspection, {
    block,
    offset,
  });
  return { bytes, start, content, records };
}

const kindsOf = ({ records }: ReturnType<typeof find>) =>
  records.map(({ kind }) => kind);

Deno.test("a page has the content of its last record", () => {
  const found = find(withRam(), "ram0", 0xfff);
  assertEquals(kindsOf(found), ["page", "page"]);
  assertEquals(found.start, 0);
  assertEquals(found.content[0x11], 0x11);
  const { offset = 0, size = 0 } = found.records.at(-1) ?? {};
  assertEquals(found.bytes.slice(offset, offset + size), found.content);
  assertEquals(kindsOf(find(withRam(), "ram0", 0x2800)), ["page", "zero"]);
  const other = find(withRam(), "/rom@etc/x", 0x1000);
  assertEquals([other.start, other.content[0]], [0x1000, 0x5a]);
  assertEquals(kindsOf(other), ["page"]);
});

Deno.test("each page of a run has a place of its own", () => {
  const found = find(withRam(), "ram0", 0x1000);
  assertEquals(kindsOf(found), ["zero"]);
  const [{ offset, size } = { offset: 0, size: 0 }] = found.records;
  const fill = joined(word(0x1022), [0]);
  const record = found.bytes.slice(offset + size - fill.length, offset + size);
  assertEquals(record, fill);
  assert(found.content.every((byte) => byte === 0));
});

Deno.test("XBZRLE records are applied in their order", () => {
  const found = find(codedPages(), "r", 0);
  assertEquals(kindsOf(found), ["page", "xbzrle", "xbzrle"]);
  assertEquals([...found.content.subarray(0, 6)], [9, 7, 1, 2, 3, 7]);
  assertEquals(kindsOf(find(codedPages(), "r", 0x400)), ["zero", "xbzrle"]);
});

Deno.test("with mapped-ram a page has its place or a clear bit", () => {
  const bytes = mappedRam();
  const { records: [page], content } = find(bytes, "r", 0x2000);
  assertEquals([page?.kind, content[0]], ["mapped", 3]);
  const offset = page?.offset ?? 0;
  assertEquals(bytes.slice(offset, offset + 4096), content);
  assertEquals(kindsOf(find(bytes, "r", 0x1000)), ["clear bit"]);
});

Deno.test("a page that is not there is not shown", () => {
  const fails = (block: string, offset: number, message: string) =>
    assertThrows(() => find(withRam(), block, offset), InspectError, message);
  fails("ram0", 0x3000, "its page is not in the stream");
  fails("ram0", 0x4000, "it has 16384 bytes");
  fails("ram", 0, 'Cannot find RAMBlock "ram"');
  assertThrows(
    () => find(codedPages(), "r", 0x800),
    InspectError,
    "its pages are compressed",
  );
  const cut = withRam().slice(0, 4200);
  assertThrows(() => find(cut, "ram0", 0x1000), MigrationStreamError);
});
