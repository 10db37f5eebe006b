import { gzipSync, zstdCompressSync } from "node:zlib";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  inspect,
  InspectError,
  openInput,
  verify,
} from "../../lib/inspect/mod.ts";
import { streamOfSaveImage } from "../../lib/inspect/save_image.ts";
import { joined } from "../../testing/streams/foreign.ts";
import { inFolder } from "./folder.ts";
import { mappedRam, withRam } from "../../testing/streams/streams.ts";
import { makeFifo } from "./fifo.ts";

const XML = new TextEncoder().encode("<domstatus/>\0\0\0");

/** The header of a file of virsh save, and the XML. */
function header(
  format: number,
  { isLittle = true, magic = "LibvirtQemudSave", length = XML.length } = {},
): Uint8Array {
  const bytes = new Uint8Array(92);
  bytes.set(new TextEncoder().encode(magic));
  const view = new DataView(bytes.buffer);
  view.setUint32(16, 2, isLittle);
  view.setUint32(20, length, isLittle);
  view.setUint32(28, format, isLittle);
  return joined(bytes, XML);
}

const START = 92 + XML.length;

Deno.test("the stream in a file of virsh save is read where it is", () =>
  inFolder(async (folder) => {
    const path = `${folder}/vm.save`;
    for (const isLittle of [true, false]) {
      for (const magic of ["LibvirtQemudSave", "LibvirtQemudPart"]) {
        const bytes = joined(header(0, { isLittle, magic }), withRam());
        await Deno.writeFile(path, bytes);
        using input = await openInput(path);
        assertEquals([input.start, input.bytes], [START, withRam()]);
        const inspection = inspect(input);
        assertEquals(verify(inspection, input).bytes, withRam().length);
      }
    }
  }));

Deno.test("one that comes through a pipe is read as well", () =>
  inFolder(async (folder) => {
    await Deno.writeFile(`${folder}/vm.save`, joined(header(0), withRam()));
    await makeFifo(`${folder}/f`, 'cat "$1"', `${folder}/vm.save`);
    using input = await openInput(`${folder}/f`);
    assertEquals(input.bytes, withRam());
  }));

const COMPRESS = { 1: gzipSync, 5: zstdCompressSync } as const;

Deno.test("a compressed one is decompressed", () =>
  inFolder(async (folder) => {
    const path = `${folder}/vm.save`;
    for (const [format, compress] of Object.entries(COMPRESS)) {
      const bytes = joined(header(Number(format)), compress(withRam()));
      await Deno.writeFile(path, bytes);
      using input = await openInput(path);
      assertEquals([input.start, input.bytes], [0, withRam()]);
    }
  }));

Deno.test("a sparse one has its pages where they are in the file", () =>
  inFolder(async (folder) => {
    const path = `${folder}/vm.save`;
    await Deno.writeFile(path, joined(header(6), mappedRam(START)));
    using input = await openInput(path);
    const inspection = inspect(input);
    assert(inspection.format === "migration-stream");
    assertEquals(inspection.problem, undefined);
    assertEquals(inspection.ram.map(({ pages }) => pages), [2]);
  }));

Deno.test("one that only another program decompresses is named with it", () =>
  inFolder(async (folder) => {
    const path = `${folder}/it's.save`;
    await Deno.writeFile(path, joined(header(3), [0xfd, 0x37, 0x7a, 0x58]));
    using input = await openInput(path);
    const error = assertThrows(() => inspect(input), InspectError);
    assertEquals(
      error.remedy,
      `Decompress it: tail -c +${START + 1} < '${folder}/it'\\''s.save' | ` +
        "xz -dc | cprctl inspect -",
    );
  }));

Deno.test("a header that cannot be leads nowhere", () =>
  inFolder(async (folder) => {
    assertEquals(streamOfSaveImage(header(0).subarray(0, 91)), undefined);
    const like = header(0, { magic: "LibvirtQemudLike" });
    assertEquals(streamOfSaveImage(like), undefined);
    const path = `${folder}/vm.save`;
    await Deno.writeFile(path, header(0, { length: 0xffff_ffff }));
    await assertRejects(
      () => openInput(path),
      InspectError,
      `from offset ${92 + 0xffff_ffff} on: it has ${START} bytes`,
    );
  }));
