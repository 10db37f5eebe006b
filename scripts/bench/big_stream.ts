import { decodeStream } from "../../lib/migration/stream/mod.ts";
import { Sink } from "../../lib/stream/mod.ts";
import { data } from "../../testing/data/data.ts";
import { writeAll } from "../../testing/program/write_all.ts";

const RICH = "cpr-exec-pc-rich.vm.state";
const PAGE = 4096;
const WORD = 8;
const FLAG = { list: 0x04, page: 0x08, eos: 0x10, goesOn: 0x20 } as const;
const TYPE = { start: 1, part: 2, footer: 0x7e } as const;
/** Pages that are written at once. */
const BATCH = 1024;

/**
 * Writes the stream of a real QEMU with many devices, and guest memory that
 * it never had: one block, every page with content and a record of its own.
 */
export async function writeBigStream(
  path: string,
  memory: number,
): Promise<void> {
  const rich = await data(RICH);
  const [start, after] = decodeStream(rich).records;
  if (start?.type !== "start" || after === undefined) {
    throw new Error(`"${RICH}" does not begin with RAM`);
  }
  using file = await Deno.open(path, {
    write: true,
    create: true,
    truncate: true,
  });
  const write = (bytes: Uint8Array) => writeAll(file, bytes);
  write(rich.subarray(0, start.offset));
  write(opening(start.sectionId, memory));
  const batch = new Uint8Array(BATCH * (WORD + PAGE));
  const view = new DataView(batch.buffer);
  for (let page = 1; page < memory / PAGE;) {
    let count = 0;
    for (; count < BATCH && page < memory / PAGE; count++, page++) {
      const word = page * PAGE + FLAG.page + FLAG.goesOn;
      view.setBigUint64(count * (WORD + PAGE), BigInt(word));
    }
    write(batch.subarray(0, count * (WORD + PAGE)));
  }
  write(closing(start.sectionId));
  write(rich.subarray(after.offset));
}

/** START with its block, and PART up to the first page. */
function opening(sectionId: number, memory: number): Uint8Array {
  const sink = new Sink();
  sink.u8(TYPE.start);
  sink.u32(sectionId);
  sink.countedString("ram");
  sink.u32(0);
  sink.u32(4);
  sink.size64(memory + FLAG.list);
  sink.countedString("ram0");
  sink.size64(memory);
  sink.bytes(closing(sectionId));
  sink.u8(TYPE.part);
  sink.u32(sectionId);
  sink.size64(FLAG.page);
  sink.countedString("ram0");
  sink.zeros(PAGE);
  return sink.toBytes();
}

function closing(sectionId: number): Uint8Array {
  const sink = new Sink();
  sink.size64(FLAG.eos);
  sink.u8(TYPE.footer);
  sink.u32(sectionId);
  return sink.toBytes();
}
