import {
  assert,
  assertEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import {
  type DecodedStream,
  decodeStream,
  decodeStreamUpToProblem,
  encodeParts,
  MigrationStreamError,
  RamFlag,
  ramStatistics,
} from "../../../lib/migration/stream/mod.ts";
import { encodeStream } from "../../../testing/streams/encode_stream.ts";
import {
  bytes,
  configuration,
  device,
  deviceStream,
  EOF,
  EOS,
  footer,
  HEADER,
  joined,
  oneBlock,
  ramPart,
  ramStart,
  section,
  vmdesc,
  vmdescText,
  word,
} from "../../../testing/streams/foreign.ts";
import { written } from "../../../testing/streams/machine.ts";

/** Decodes, having seen that it encodes again. */
function decoded(stream: Uint8Array): DecodedStream {
  const result = decodeStream(stream);
  const again = encodeStream(result);
  assertEquals(again.length, stream.length);
  assertEquals(again.findIndex((byte, at) => byte !== stream[at]), -1);
  return result;
}

function refused(stream: Uint8Array, message: string): MigrationStreamError {
  return assertThrows(
    () => decodeStream(stream),
    MigrationStreamError,
    message,
  );
}

const START = ramStart(joined(oneBlock("r", 0x4000), EOS));
const PAGE = new Uint8Array(4096).fill(0x5a);
const NAME = [1, 0x72];

function ram(...records: (Uint8Array | number[])[]): Uint8Array {
  return joined(
    HEADER,
    configuration(),
    START,
    ramPart(joined(...records, EOS)),
    EOF,
  );
}

/** The statistics of the block, less what was sent of it. */
const NOTHING_SENT = {
  name: "r",
  size: 0x4000,
  address: undefined,
  pages: 0,
  zeroPages: 0,
  xbzrlePages: 0,
  compressedPages: 0,
  sentBytes: 0,
};

Deno.test("our own streams are decoded like any other", () => {
  const stream = decoded(written());
  const names = stream.records.flatMap((record) =>
    record.type === "command" ? [] : [record.name]
  );
  assertEquals(names, ["ram", "ram", "uart", "0000:00:01.0/clock"]);
});

Deno.test("records that follow one another are one run", () => {
  const stream = decoded(ram(
    ...[word(0x0008), NAME, PAGE],
    ...[word(0x1028), PAGE],
    ...[word(0x2022), [0]],
    ...[word(0x3022), [0]],
    ...[word(0x2028), PAGE],
    ...[word(0x3008), NAME, PAGE],
  ));
  const part = stream.records[1];
  assert(part?.type === "part");
  assertEquals(
    [...part.pages].map(({ kind, named, address, count }) => ({
      kind,
      named,
      address,
      count,
    })),
    [
      { kind: RamFlag.PAGE, named: true, address: 0, count: 2 },
      { kind: RamFlag.ZERO, named: false, address: 0x2000, count: 2 },
      { kind: RamFlag.PAGE, named: false, address: 0x2000, count: 1 },
      { kind: RamFlag.PAGE, named: true, address: 0x3000, count: 1 },
    ],
  );
  assertEquals(ramStatistics(stream), [
    { ...NOTHING_SENT, pages: 4, zeroPages: 2, sentBytes: 4 * 4096 },
  ]);
});

Deno.test("deltas and compressed pages are skipped and counted", () => {
  const stream = ram(
    ...[word(0x0008), NAME, PAGE],
    ...[word(0x0060), [1, 0, 3], [0, 1, 7]],
    ...[word(0x1120), [0, 0, 0, 4], [0x78, 0x9c, 1, 2]],
  );
  assertEquals(ramStatistics(decoded(stream)), [
    {
      ...NOTHING_SENT,
      pages: 1,
      xbzrlePages: 1,
      compressedPages: 1,
      sentBytes: 4096 + 3 + 4,
    },
  ]);
});

Deno.test("a compressed page that zlib cannot have made is refused", () => {
  for (const length of [0, 4096 + 15, 0xffff_ffff]) {
    const size = bytes((sink) => sink.u32(length));
    refused(
      ram(...[word(0x0100), NAME, size, new Uint8Array(5000)]),
      `a compressed page of ${length} bytes`,
    );
  }
});

Deno.test("a run's data is where it says", () => {
  const stream = ram(
    ...[word(0x0008), NAME, PAGE],
    ...[word(0x1028), PAGE.toReversed()],
  );
  const part = decoded(stream).records[1];
  assert(part?.type === "part");
  const [run] = part.pages;
  assert(run !== undefined);
  assertEquals(stream.subarray(run.at, run.at + 4096), PAGE);
});

Deno.test("XBZRLE and multifd flush are skipped", () => {
  const stream = decoded(ram(
    ...[word(0x40), NAME, [1, 0, 3, 9, 9, 9]],
    word(0x200),
    ...[word(0x1060), [1, 0, 0]],
  ));
  assertEquals(ramStatistics(stream)[0]?.xbzrlePages, 2);
});

Deno.test("a continued block is remembered from section to section", () => {
  decoded(joined(
    HEADER,
    configuration(),
    START,
    ramPart(joined(word(0x8), NAME, PAGE, EOS)),
    ramPart(joined(word(0x1028), PAGE, EOS)),
    EOF,
  ));
});

Deno.test("huge pages are recognized by POSTCOPY_ADVISE", () => {
  const advise = joined([8, 0, 3, 0, 16], word(0x20_1000), word(0x1000));
  const blocks = joined(
    word(0x60_0004),
    bytes((sink) => {
      sink.countedString("huge");
      sink.size64(0x40_0000);
      sink.size64(0x20_0000);
      sink.countedString("small");
      sink.size64(0x20_0000);
    }),
    EOS,
  );
  const stream = decoded(
    joined(HEADER, configuration(), advise, ramStart(blocks), EOF),
  );
  const start = stream.records[1];
  assert(start?.type === "start");
  assertEquals(start.blocks, [
    { name: "huge", usedLength: 0x40_0000, pageSize: 0x20_0000 },
    { name: "small", usedLength: 0x20_0000 },
  ]);
});

Deno.test("x-ignore-shared adds an address to each block", () => {
  const stream = decoded(joined(
    HEADER,
    configuration("x-ignore-shared"),
    ramStart(joined(oneBlock("r", 0x4000), word(0xc0000), EOS)),
    EOF,
  ));
  const [start] = stream.records;
  assert(start?.type === "start");
  assertEquals(start.blocks, [
    { name: "r", usedLength: 0x4000, address: 0xc0000n },
  ]);
});

/** A mapped-ram stream whose pages begin `gap` bytes after the bitmap. */
function mapped(
  change: { version?: number; bitmap?: number; pages?: number } = {},
  part: Uint8Array | number[] = EOS,
): Uint8Array {
  const before = joined(
    HEADER,
    configuration("mapped-ram"),
    section(1, 1, "ram", 4, oneBlock("r", 0x4000)),
  );
  const bitmap = before.length + 28;
  const pages = bitmap + 8 + 100;
  return joined(
    before,
    bytes((sink) => {
      sink.u32(change.version ?? 1);
      sink.size64(4096);
      sink.size64(change.bitmap ?? bitmap);
      sink.size64(change.pages ?? pages);
      sink.bytes(Uint8Array.of(0b0101, 0, 0, 0, 0, 0, 0, 0));
      sink.zeros(100);
      for (let page = 0; page < 4; page++) sink.bytes(PAGE);
    }),
    EOS,
    footer(1),
    ramPart(part),
    EOF,
  );
}

Deno.test("mapped-ram keeps pages and bitmap beside the list", () => {
  assertEquals(ramStatistics(decoded(mapped())), [
    { ...NOTHING_SENT, pages: 2, zeroPages: 2, sentBytes: 2 * 4096 },
  ]);
});

Deno.test("an impossible mapped-ram header is refused", () => {
  refused(mapped({ version: 2 }), "unsupported version 2");
  refused(mapped({ bitmap: 7 }), "bitmap at 7");
  refused(mapped({ pages: 7 }), "inside the bitmap");
  refused(mapped({ pages: 2 ** 40 }), "the stream ends here");
  refused(mapped({}, joined(word(8), NAME, PAGE, EOS)), "under mapped-ram");
});

Deno.test("the page size is the configuration's", () => {
  const stream = decoded(joined(
    HEADER,
    configuration(),
    bytes((sink) => {
      sink.u8(5);
      sink.countedString("configuration/target-page-bits");
      sink.u32(1);
      sink.u32(14);
    }),
    ramStart(joined(oneBlock("r", 0x8000), EOS)),
    ramPart(joined(word(0x4008), NAME, new Uint8Array(0x4000), EOS)),
    EOF,
  ));
  assertEquals(stream.layout.pageSize, 0x4000);
  assertEquals(ramStatistics(stream)[0]?.pages, 1);
});

/** The subsection that says how large the target's pages are. */
function targetPageBits(count: number): Uint8Array {
  return bytes((sink) => {
    sink.u8(5);
    sink.countedString("configuration/target-page-bits");
    sink.u32(1);
    sink.u32(count);
  });
}

Deno.test("a page size that no target has is refused", () => {
  refused(
    joined(HEADER, configuration(), targetPageBits(60), EOF),
    "pages of 60 bits",
  );
});

Deno.test("a page size is that of the configuration, or else of vmdesc", () => {
  const small = vmdescText('{"page_size": 1024, "devices": []}');
  const pages = ramPart(joined(
    ...[word(0x0008), [1, 0x72], new Uint8Array(1024).fill(1)],
    ...[word(0x0428), new Uint8Array(1024).fill(2)],
    ...[word(0x0822), [0]],
    EOS,
  ));
  const ram = joined(ramStart(joined(oneBlock("r", 0x1000), EOS)), pages);
  const stream = decoded(joined(HEADER, configuration(), ram, EOF, small));
  assertEquals(stream.layout.pageSize, 1024);
  const [, part] = stream.records;
  assert(part?.type === "part");
  assertEquals(
    [...part.pages].map((
      { address, count, length },
    ) => [address, count, length]),
    [[0, 2, 1024], [0x800, 1, 0]],
  );
  refused(
    joined(HEADER, configuration(), targetPageBits(12), EOF, small),
    "vmdesc says pages of 1024 bytes",
  );
  // What is not at the very end may be a guest's.
  refused(
    joined(HEADER, configuration(), ram, EOF, small, [0]),
    "the stream ends here",
  );
  for (const size of ["3000", "128", "131072", "x", "4096.5"]) {
    const text = `{"page_size": ${size}, "devices": []}`;
    const { layout } = decodeStreamUpToProblem(
      joined(HEADER, configuration(), EOF, vmdescText(text)),
    ).decoded;
    assertEquals(layout.pageSize, 4096, size);
  }
});

Deno.test("every page size is read, as old and new QEMUs spell it", () => {
  const spellings = [
    (size: number) => `{"page_size": ${size}, "devices": []}`,
    (size: number) => `{ "page_size" : ${size}, "devices" : [  ] }`,
    (size: number) => `{"devices":[],"page_size":${size}}`,
  ];
  for (let bits = 8; bits <= 16; bits++) {
    const size = 2 ** bits;
    for (const spelled of spellings) {
      const stream = joined(
        HEADER,
        configuration(),
        ramStart(joined(oneBlock("r", 3 * size), EOS)),
        ramPart(joined(
          ...[word(0x8), [1, 0x72], new Uint8Array(size).fill(1)],
          ...[word(size + 0x28), new Uint8Array(size).fill(2)],
          ...[word(2 * size + 0x22), [0]],
          EOS,
        )),
        EOF,
        vmdescText(spelled(size)),
      );
      const found = decoded(stream);
      assertEquals(found.layout.pageSize, size);
      const [ram] = ramStatistics(found);
      assertEquals([ram?.pages, ram?.zeroPages], [2, 1]);
      assertEquals(encodeStream(found), stream);
    }
  }
});

/** Two blocks under mapped-ram, one of them shared and left out. */
function withIgnoredBlock(fileOffset = 0): Uint8Array {
  const before = joined(
    HEADER,
    configuration("x-ignore-shared", "mapped-ram"),
    section(1, 1, "ram", 4, []),
    word(0x8000 + 4),
  );
  const ignored = bytes((sink) => {
    sink.countedString("shared");
    sink.size64(0x4000);
    sink.u64(0n);
    sink.u32(1);
    sink.size64(4096);
    sink.size64(0);
    sink.size64(0);
  });
  const bitmap = before.length + ignored.length + 2 + 8 + 8 + 28;
  const kept = bytes((sink) => {
    sink.countedString("r");
    sink.size64(0x4000);
    sink.u64(0n);
    sink.u32(1);
    sink.size64(4096);
    sink.size64(bitmap + fileOffset);
    sink.size64(bitmap + 8 + 100 + fileOffset);
    sink.bytes(Uint8Array.of(0b0101, 0, 0, 0, 0, 0, 0, 0));
    sink.zeros(100);
    for (let page = 0; page < 4; page++) sink.bytes(PAGE);
  });
  return joined(before, ignored, kept, EOS, footer(1), EOF);
}

Deno.test("a shared block that is left out has no place in mapped-ram", () => {
  const stream = withIgnoredBlock();
  const found = decoded(stream);
  assertEquals(encodeStream(found), stream);
  const sent = { address: 0n, pages: 2, zeroPages: 2, sentBytes: 2 * 4096 };
  assertEquals(ramStatistics(found), [
    { ...NOTHING_SENT, address: 0n, name: "shared" },
    { ...NOTHING_SENT, ...sent },
  ]);
});

Deno.test("mapped-ram counts from the start of the file", () => {
  const stream = withIgnoredBlock(4096);
  refused(stream, "the stream was 4096 bytes further into its file");
  const found = decodeStream(stream, { fileOffset: 4096 });
  assertEquals(encodeStream(found), stream);
  assertEquals(ramStatistics(found)[1]?.pages, 2);
});

Deno.test("a stream may have neither configuration nor footers", () => {
  const stream = decoded(joined(
    HEADER,
    section(1, 1, "ram", 4, joined(oneBlock("r", 0x4000), EOS)),
    [3, 0, 0, 0, 1],
    EOS,
    section(4, 7, "dev", 1, [9]),
    EOF,
    vmdesc(device([{ name: "a", type: "uint8", size: 1 }])),
  ));
  assertEquals(stream.hasFooters, false);
  assertEquals(stream.configuration, undefined);
});

Deno.test("footers that were there stay there", () => {
  const stream = joined(
    HEADER,
    configuration(),
    START,
    section(4, 7, "dev", 1, [9]),
    EOF,
    vmdesc(device([{ name: "a", type: "uint8", size: 1 }])),
  );
  const error = refused(stream, "missing section footer");
  assertEquals(error.location.section, "dev");
});

Deno.test("without vmdesc devices are bytes up to their footers", () => {
  const stream = decoded(joined(
    HEADER,
    configuration(),
    section(4, 2, "early", 1, [8, 0x7e, 0, 0, 0, 2]),
    footer(2),
    START,
    section(4, 7, "dev", 1, [9]),
    footer(7),
    EOF,
  ));
  assertEquals(
    stream.records.map((record) =>
      record.type === "full" ? record.state : record.type
    ),
    [Uint8Array.of(8, 0x7e, 0, 0, 0, 2), "start", Uint8Array.of(9)],
  );
  assertEquals([stream.opaqueTail, stream.vmdesc], [undefined, undefined]);
});

Deno.test("without vmdesc and footers devices are one opaque tail", () => {
  const before = joined(
    HEADER,
    section(1, 1, "ram", 4, joined(oneBlock("r", 0x4000), EOS)),
  );
  const tail = joined(section(4, 7, "dev", 1, [9]), EOF);
  const stream = decoded(joined(before, tail));
  assertEquals(stream.opaqueTail, { offset: before.length, bytes: tail });
  const cut = joined(before, tail.subarray(0, -1));
  assertEquals(
    refused(cut, "the stream ends in it, or in what").location.section,
    "dev",
  );
});

Deno.test("a stream that was cut among its devices is refused", () => {
  const head = joined(HEADER, configuration(), START);
  const dev = section(4, 7, "dev", 1, [9]);
  const tail = joined(dev, footer(7), EOF, vmdescText("{}"));
  const text = tail.length - 2;
  const cases: [until: number, problem: string][] = [
    [dev.length - 1, `the stream ends in the record at ${head.length}`],
    [dev.length + 5, "the stream ends here, or its footer is missing"],
    [dev.length + 6, "the stream ends here"],
    [dev.length + 7, ""],
    [text, `the stream ends in the record at ${head.length + dev.length + 6}`],
    [tail.length, "vmdesc has 2 bytes, of which the stream has "],
  ];
  for (let length = 1; length < tail.length; length++) {
    const [, problem = ""] = cases.find(([until]) => length < until) ?? [];
    const stream = joined(head, tail.subarray(0, length));
    // With EOF and no description it is whole.
    if (problem === "") decoded(stream);
    else {
      const { location } = refused(stream, problem);
      const isNamed = problem.endsWith("missing");
      assertEquals(location.section, isNamed ? "dev" : undefined);
    }
  }
});

Deno.test("a vmdesc that is not an object is refused", () => {
  const dev = joined(section(4, 7, "dev", 1, [9]), footer(7));
  refused(
    joined(HEADER, configuration(), dev, EOF, vmdescText("{} ")),
    "vmdesc is no JSON object",
  );
});

Deno.test("a stream without devices may have a vmdesc", () => {
  const stream = decoded(joined(HEADER, configuration(), EOF, vmdesc()));
  assertEquals(stream.vmdesc?.description.devices, []);
});

Deno.test("bytes after the stream are kept", () => {
  for (const stream of [written(), joined(HEADER, EOF)]) {
    const trailing = Uint8Array.of(1, 6, 0, 0, 0, 1);
    assertEquals(decoded(joined(stream, trailing)).trailing, trailing);
  }
});

Deno.test("the end of another stream, left in a volume, is not taken for its own", () => {
  const field = { name: "x", type: "uint8", size: 1 };
  const stream = deviceStream([5], device([field]));
  const older = deviceStream([5, 6], device([field, { ...field, name: "y" }]));
  const trailing = joined(new Uint8Array(1000), older, [0]);
  const { records, trailing: kept } = decoded(joined(stream, trailing));
  assertEquals([records.length, kept], [1, trailing]);
});

Deno.test("commands are kept, a package unopened", () => {
  const stream = decoded(joined(
    HEADER,
    configuration(),
    [8, 0, 2, 0, 4, 0, 0, 0, 1],
    [8, 0, 7, 0, 4, 0, 0, 0, 3, 1, 2, 3],
    [8, 0, 10, 0, 2, 1, 0x72],
    EOF,
  ));
  assertEquals(
    stream.records.map((record) =>
      record.type === "command" && [record.command, record.packaged]
    ),
    [[2, undefined], [7, Uint8Array.of(1, 2, 3)], [10, undefined]],
  );
});

Deno.test("sections that only their own code can read are named", () => {
  const error = refused(
    joined(HEADER, configuration(), section(1, 3, "dirty-bitmap", 1, [0])),
    "the stream ends here, or its footer is missing",
  );
  assertEquals(error.location.section, "dirty-bitmap");
});

Deno.test("sections that only their own code can read end at their footers", () => {
  const bitmaps = section(1, 3, "dirty-bitmap", 1, [0x7e, 0, 0, 0, 3, 9]);
  const input = joined(
    HEADER,
    configuration(),
    joined(bitmaps, footer(3)),
    START,
    joined([2, 0, 0, 0, 3], [1, 2, 0x7e, 0, 0, 0, 1], footer(3)),
    ramPart(EOS),
    joined([3, 0, 0, 0, 3], [], footer(3)),
    EOF,
  );
  const stream = decoded(input);
  assertEquals(
    stream.records.map((record) =>
      record.type === "opaque"
        ? [record.name, record.piece, [...record.bytes]]
        : record.type
    ),
    [
      ["dirty-bitmap", "start", [0x7e, 0, 0, 0, 3, 9]],
      "start",
      ["dirty-bitmap", "part", [1, 2, 0x7e, 0, 0, 0, 1]],
      "part",
      ["dirty-bitmap", "end", []],
    ],
  );
});

Deno.test("a long stretch of pages is one run, with progress reports", () => {
  const pages = 20_000;
  const stream = joined(
    HEADER,
    configuration(),
    ramStart(joined(oneBlock("r", pages * 4096), EOS)),
  );
  const records = bytes((sink) => {
    sink.bytes(stream);
    sink.u8(2);
    sink.u32(1);
    for (let page = 0; page < pages; page++) {
      sink.size64(page * 4096 + 8 + (page === 0 ? 0 : 0x20));
      if (page === 0) sink.countedString("r");
      sink.bytes(PAGE);
    }
    sink.bytes(EOS);
    sink.bytes(footer(1));
    sink.u8(0);
  });
  const seen: number[] = [];
  const { records: [, part] } = decodeStream(records, {
    passed: (offset) => seen.push(offset),
  });
  assert(part?.type === "part");
  assertEquals([...part.pages].map(({ count }) => count), [pages]);
  assert(seen.length > 5);
  assertEquals(seen, seen.toSorted((a, b) => a - b));
});

Deno.test("a stretch goes on where the upper half of its word changes", () => {
  const start = 2 ** 32 - 3 * 4096;
  const pages = [1, 2, 3, 4, 5].map((page) => start + page * 4096);
  const stream = decoded(joined(
    HEADER,
    configuration(),
    ramStart(joined(oneBlock("r", 2 ** 33), EOS)),
    ramPart(joined(
      ...[word(start + 0x0002), [1, 0x72], [0]],
      ...pages.flatMap((page) => [word(page + 0x22), [0]]),
      EOS,
    )),
    EOF,
  ));
  const [, part] = stream.records;
  assert(part?.type === "part");
  assertEquals(
    [...part.pages].map(({ address, count }) => [address, count]),
    [[start, 6]],
  );
});

Deno.test("a stretch ends at the end of its block and of the stream", () => {
  const beyond = joined(
    ...[word(0x0002), NAME, [0]],
    ...[1, 2, 3, 4].flatMap((page) => [word(page * 4096 + 0x22), [0]]),
  );
  const start = joined(HEADER, configuration(), START, [2, 0, 0, 0, 1]);
  refused(joined(start, beyond, EOS), "lies outside its RAM block");
  refused(joined(start, beyond.subarray(0, -20)), "the stream ends here");
  refused(
    joined(start, word(2), NAME, [0], word(0x1022), [1], EOS),
    "only zeros are sent so",
  );
});

Deno.test("what comes before a problem is kept", () => {
  const { decoded: before, problem } = decodeStreamUpToProblem(
    joined(HEADER, configuration(), START, [9]),
  );
  assertEquals(before.configuration?.machine, "pc");
  assertEquals(before.records.map(({ type }) => type), ["start"]);
  assertStringIncludes(problem?.message ?? "", "unknown record type 0x9");
});

Deno.test("guest memory is kept up to where it was cut", () => {
  const whole = ram(
    ...[word(0x0008), NAME, PAGE],
    ...[word(0x1022), [0]],
    ...[word(0x2028), PAGE],
  );
  const cut = whole.length - EOS.length - footer(1).length - EOF.length - 1;
  const { decoded, problem } = decodeStreamUpToProblem(whole.slice(0, cut));
  assertEquals(problem?.location.section, "ram");
  const [block] = ramStatistics(decoded);
  assertEquals([block?.pages, block?.zeroPages], [1, 1]);
});

Deno.test("a device that comes twice is refused", () => {
  const twice = joined(section(4, 7, "dev", 1, [5]), footer(7));
  const fields = [{ name: "x", type: "uint8", size: 1 }];
  const error = refused(
    joined(
      HEADER,
      configuration(),
      twice,
      twice,
      EOF,
      vmdesc(device(fields), device(fields)),
    ),
    "it comes twice",
  );
  assertEquals([error.location.section, error.location.instance], ["dev", 0]);
});

Deno.test("what cannot be in a stream is refused", () => {
  const before = joined(HEADER, configuration());
  refused(joined(before, [9]), "unknown record type 0x9");
  refused(joined(before, [0x7e, 0, 0, 0, 1]), "unknown record type 0x7e");
  refused(joined(before, ramPart(EOS)), "section id 0x1 was not started");
  refused(joined(before, START, START), "it comes twice");
  refused(
    joined(before, section(1, 1, "ram", 5, EOS)),
    "unsupported version 5",
  );
  refused(joined(before, [8, 0, 12, 0, 0]), "unknown command 12");
  refused(joined(before, [8, 0, 7, 0, 4, 0xff, 0, 0, 0]), "at 15");
});

Deno.test("a configuration in another order is refused", () => {
  const sub = (name: string, body: number[]) =>
    bytes((sink) => {
      sink.u8(5);
      sink.countedString(`configuration/${name}`);
      sink.u32(1);
      sink.bytes(Uint8Array.from(body));
    });
  const uuid = sub("uuid", new Array<number>(16).fill(1));
  const caps = sub("capabilities", [0, 0, 0, 1, 1, 120]);
  decoded(joined(HEADER, configuration(), caps, uuid, EOF));
  refused(
    joined(HEADER, configuration(), uuid, caps, EOF),
    "not as QEMU writes it",
  );
});

Deno.test("an unknown part of the configuration is named", () => {
  const unknown = bytes((sink) => {
    sink.u8(5);
    sink.countedString("configuration/new");
    sink.u32(1);
  });
  const error = refused(
    joined(HEADER, configuration(), unknown, EOF),
    'subsection "configuration/new" is not known',
  );
  assertEquals(error.location.section, "configuration");
});

const FIELDS = [{ name: "a", type: "uint8", size: 1 }];

Deno.test("a vmdesc that lies about sections is refused", () => {
  const one = section(4, 7, "dev", 1, [9]);
  const head = joined(HEADER, configuration());
  const stream = (...devices: Record<string, unknown>[]) =>
    joined(head, one, footer(7), EOF, vmdesc(...devices));
  const dev = device(FIELDS);
  decoded(stream(dev));
  refused(stream(), "vmdesc has no such section");
  refused(stream({ ...dev, name: "ved" }), '"ved" instance 0 here');
  refused(stream({ ...dev, instance_id: 3 }), '"dev" instance 3 here');
  refused(stream({ ...dev, version: 2 }), "version 1, and 2 in vmdesc");
  refused(stream(dev, dev), 'goes on with "dev" instance 0');
  refused(
    joined(head, EOF, vmdesc(dev)),
    'vmdesc goes on with "dev" instance 0',
  );
  refused(
    joined(head, one, footer(7), EOF, [1, 2], EOF, vmdesc(dev)),
    "its vmdesc is at",
  );
});

Deno.test("a vmdesc that lies about sizes is found at the footer", () => {
  const stream = (size: number) =>
    joined(
      HEADER,
      configuration(),
      START,
      section(4, 7, "dev", 1, [1, 2]),
      footer(7),
      EOF,
      vmdesc(device([{ name: "a", type: "buffer", size }])),
    );
  decoded(stream(2));
  const error = refused(stream(1), "missing section footer");
  assertEquals(error.location.section, "dev");
  assertEquals(error.location.field, undefined);
  const torn = refused(stream(99_999), "the stream ends here");
  assertEquals(torn.location.field, "a");
});

Deno.test("a vmdesc of another form is refused, with the path", () => {
  const field = '{"name": "a", "type": "uint8", "size": 1}';
  const dev = (fields: string, more = "") =>
    `{"page_size": 4096, "devices": [{"name": "dev", "instance_id": 0, ` +
    `"vmsd_name": "dev", "version": 1, "fields": ${fields}${more}}]}`;
  const cases: readonly (readonly [string, string])[] = [
    ["{]}", "vmdesc is not JSON"],
    ['{"page_size": 4096}', 'vmdesc has no "devices"'],
    ['{"devices": []}', 'vmdesc has no "page_size"'],
    ['{"page_size": "x", "devices": []}', "vmdesc.page_size is not a count"],
    ['{"page_size": -1, "devices": []}', "vmdesc.page_size is not a count"],
    ['{"page_size": 1.5, "devices": []}', "vmdesc.page_size is not a count"],
    ['{"page_size": 1e99, "devices": []}', "vmdesc.page_size is not a count"],
    ['{"page_size": 4096, "devices": {}}', "vmdesc.devices is not an array"],
    ['{"page_size": 4096, "devices": [7]}', "devices[0] is not an object"],
    ['{"page_size": 4096, "devices": [[]]}', "devices[0] is not an object"],
    ['{"page_size": 4096, "devices": [null]}', "devices[0] is not an object"],
    [dev("[]").replace('"dev"', "1"), "devices[0].name is not a string"],
    [dev("7"), "devices[0].fields is not an array"],
    [dev('[{"name": "a"}]'), 'fields[0] has no "type"'],
    [dev(`[${field}]`, ', "subsections": 1'), "subsections is not an array"],
    [dev(`[${field.replace("1", '1, "struct": 3')}]`), "struct is not an ob"],
    [dev(`[${field.replace("1", '1, "index": null')}]`), "index is not a"],
  ];
  for (const [text, message] of cases) {
    refused(
      joined(
        HEADER,
        configuration(),
        section(4, 7, "dev", 1, [9]),
        footer(7),
        EOF,
        vmdescText(text),
      ),
      message,
    );
  }
});

Deno.test("a vmdesc nested without end is refused", () => {
  let text = '{"vmsd_name": "e", "version": 1, "fields": []}';
  for (let depth = 0; depth < 5000; depth++) {
    text = `{"vmsd_name": "e", "version": 1, "fields": [{"name": "x", ` +
      `"type": "struct", "struct": ${text}, "size": 0}]}`;
  }
  refused(
    joined(
      HEADER,
      EOF,
      vmdescText(
        `{"configuration": ${text}, "page_size": 4096, "devices": []}`,
      ),
    ),
    "is nested too deeply",
  );
});

Deno.test("brackets without end are not JSON", () => {
  refused(
    joined(HEADER, EOF, vmdescText("[".repeat(1_000_000))),
    "vmdesc has more lists than its length allows",
  );
});

Deno.test("invalid UTF-8 is refused wherever there is text", () => {
  const text = joined(HEADER, EOF, vmdescText('{"a": "xy"}'));
  text[text.length - 3] = 0xff;
  refused(text, "vmdesc is not JSON");
  const name = joined(HEADER, configuration(), START);
  name[name.indexOf("r".charCodeAt(0))] = 0xff;
  refused(name, "is not UTF-8");
});

Deno.test("a long stream is encoded in parts", () => {
  const pages = [...Array(600).keys()].map((page) =>
    joined(
      word(page * 4096 + (page === 0 ? 8 : 0x28)),
      page === 0 ? NAME : [],
      PAGE,
    )
  );
  const stream = joined(
    HEADER,
    configuration(),
    ramStart(joined(oneBlock("r", 600 * 4096), EOS)),
    ramPart(joined(...pages, EOS)),
    EOF,
  );
  const parts = [...encodeParts(decodeStream(stream))];
  assert(parts.length > 2);
  assert(parts.every((part) => part.length < 2 << 20));
  assertEquals(
    parts.reduce((sum, part) => sum + part.length, 0),
    stream.length,
  );
});
