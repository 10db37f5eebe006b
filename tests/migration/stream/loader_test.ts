import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  Command,
  MigrationStreamError,
  StreamWriter,
} from "../../../lib/migration/stream/mod.ts";
import { StreamError } from "../../../lib/stream/mod.ts";
import {
  struct,
  u32,
  u8,
  vmstate,
  VmstateError,
} from "../../../lib/vmstate/mod.ts";
import { EOF, EOS, footer, joined } from "../../../testing/streams/foreign.ts";
import {
  BLOCKS,
  clock,
  indexOf,
  left,
  loaded,
  MACHINE,
  olderUartState,
  PARTS,
  uart,
  uartState,
  written,
} from "../../../testing/streams/machine.ts";

function refused(
  bytes: Uint8Array,
  message: string,
  target: Parameters<typeof loaded>[1] = {},
): MigrationStreamError {
  return assertThrows(
    () => loaded(bytes, target),
    MigrationStreamError,
    message,
  );
}

/** The stream with `change` made to the bytes from `pattern` on. */
function changed(pattern: string, change: (at: Uint8Array) => void) {
  const bytes = written();
  change(bytes.subarray(indexOf(bytes, new TextEncoder().encode(pattern))));
  return bytes;
}

Deno.test("what was written is loaded, in stream order", () => {
  assertEquals(loaded(written()), [uart, clock]);
});

Deno.test("an older version is loaded with its later fields at rest", () => {
  const { mcr: _, timeout: __, ...older } = uart;
  const bytes = written({
    uart: (writer) =>
      writer.deviceFull({
        sectionId: 3,
        idstr: "uart",
        instanceId: 0,
        state: olderUartState,
        value: older,
      }),
  });
  assertEquals(loaded(bytes), [{ ...older, mcr: 0 }, clock]);
});

Deno.test("bad magic and bad versions are distinguished", () => {
  const magic = written();
  magic[0] = 0x58;
  refused(magic, "not a migration stream: magic 0x5845564d, not 0x5145564d");
  for (const [version, text] of [[2, "obsolete"], [4, "version 4"]] as const) {
    const bytes = written();
    bytes[7] = version;
    assertEquals(refused(bytes, text).offset, 4);
  }
});

Deno.test("another machine is refused", () => {
  refused(
    written(),
    'machine type received is "virt-1.0" and local is "virt-2.0"',
    { machine: "virt-2.0" },
  );
});

Deno.test("a machine whose name only begins alike is refused", () => {
  refused(written(), 'local is "virt-1.0.1"', { machine: "virt-1.0.1" });
});

Deno.test("layout capabilities must be equal on both sides", () => {
  refused(written(), '"mapped-ram" is on here, but off in the stream', {
    capabilities: ["mapped-ram"],
  });
  const bytes = written({
    configuration: (writer) =>
      writer.configuration({
        machine: MACHINE,
        capabilities: ["x-ignore-shared"],
      }),
    ramSetup: (writer) =>
      writer.ramSetup(BLOCKS.map((block) => ({ ...block, address: 0n }))),
  });
  refused(bytes, '"x-ignore-shared" is off here, but on in the stream');
});

Deno.test("another UUID is refused, a missing one is not", () => {
  const uuid = new Uint8Array(16).fill(0xab);
  const bytes = written({
    configuration: (writer) => writer.configuration({ machine: MACHINE, uuid }),
  });
  assertEquals(loaded(bytes, { uuid }).length, 2);
  assertEquals(loaded(bytes).length, 2);
  assertEquals(loaded(written(), { uuid }).length, 2);
  refused(bytes, `UUID received is ${"ab".repeat(16)} and local is 00`, {
    uuid: new Uint8Array(16),
  });
});

Deno.test("a stream without configuration is refused", () => {
  refused(written({ configuration: left }), "it has no configuration");
});

/** A stream whose first device is written with these differences. */
function withUart(
  change: Partial<Parameters<StreamWriter["deviceFull"]>[0]>,
): Uint8Array {
  const section = {
    sectionId: 3,
    idstr: "uart",
    instanceId: 0,
    state: uartState,
    value: uart,
    ...change,
  };
  return written({ uart: (writer) => writer.deviceFull(section) });
}

Deno.test("an unknown section is reported with name and offset", () => {
  const error = refused(
    withUart({ idstr: "uarX" }),
    "unknown section or instance",
  );
  assertEquals(error.location.section, "uarX");
  assertEquals(error.location.instance, 0);
  assertEquals(
    error.message,
    'Cannot load section "uarX" instance 0 at offset ' +
      `${error.offset}: ${error.problem}`,
  );
});

Deno.test("an unknown instance is refused", () => {
  const error = refused(withUart({ instanceId: 1 }), "unknown section");
  assertEquals(error.location.instance, 1);
});

Deno.test("a section that is not the described one is refused", () => {
  const cases: readonly (readonly [number, string])[] = [
    [3, 'vmdesc has "uart" instance 0 here'],
    [7, 'vmdesc has "uart" instance 0 here'],
    [11, "and 2 in vmdesc"],
  ];
  for (const [index, message] of cases) {
    refused(changed("uart", (at) => at[index] = 9), message);
  }
});

Deno.test("a version that is too new is refused", () => {
  const state = { ...uartState, version: 9 };
  refused(withUart({ state }), "unsupported version 9: newer than 2");
});

Deno.test("a version that is too old is refused", () => {
  const bytes = withUart({ state: { ...uartState, version: 0 } });
  assertThrows(() => loaded(bytes), VmstateError, "older than the oldest");
});

Deno.test("a field that is wrong is named with section and instance", () => {
  const bytes = changed("uart", (at) => at[22] = 7);
  const error = assertThrows(() => loaded(bytes), VmstateError);
  assertEquals(error.location.section, "uart");
  assertEquals(error.location.instance, 0);
  assertEquals(error.location.field, "baud.fine");
});

Deno.test("a missing footer is found where the section should end", () => {
  const bytes = written();
  const at = indexOf(bytes, Uint8Array.of(0x7e, 0, 0, 0, 3));
  bytes[at] = 4;
  const error = refused(bytes, "missing section footer: 0x4");
  assertEquals(error.offset, at);
  assertEquals(error.location.section, "uart");
});

Deno.test("a stream without footers is refused", () => {
  const bytes = written({ uart: left, clock: left });
  const end = indexOf(bytes, Uint8Array.of(0x7e, 0, 0, 0, 1));
  refused(
    joined(
      bytes.subarray(0, end),
      [8, 0, 11, 0, 0, 3, 0, 0, 0, 1, ...EOS],
      bytes.subarray(bytes.lastIndexOf(0x7e) + 5),
    ),
    "its sections have no footers",
  );
});

Deno.test("a footer of another section is refused", () => {
  const bytes = written();
  bytes[indexOf(bytes, Uint8Array.of(0x7e, 0, 0, 0, 3)) + 4] = 0x50;
  refused(bytes, "read 0x50, expected 0x3");
});

Deno.test("each missing section is named", () => {
  refused(
    written({ uart: left, clock: left }),
    'missing: "uart" instance 0, "0000:00:01.0/clock" instance 4',
  );
});

Deno.test("an EOF that comes early is noticed", () => {
  const bytes = written();
  bytes[indexOf(bytes, Uint8Array.of(4, 0, 0, 0, 2, 18))] = 0;
  refused(bytes, 'vmdesc goes on with "0000:00:01.0/clock"');
});

Deno.test("a section that comes twice is refused", () => {
  const twice = (writer: StreamWriter) => {
    PARTS.uart(writer);
    writer.deviceFull({
      sectionId: 30,
      idstr: "uart",
      instanceId: 0,
      state: uartState,
      value: uart,
    });
  };
  refused(written({ uart: twice }), "it comes twice");
});

Deno.test("a section id that comes twice is refused", () => {
  refused(withUart({ sectionId: 2 }), "section id 0x2 comes twice");
  refused(withUart({ sectionId: 1 }), "section id 0x1 comes twice");
});

Deno.test("an unknown record type is refused", () => {
  const bytes = written();
  bytes[indexOf(bytes, Uint8Array.of(4, 0, 0, 0, 2, 18))] = 0x0a;
  refused(bytes, "unknown record type 0xa");
});

Deno.test("commands that have no place here are refused", () => {
  const cases: readonly (readonly [number[], string])[] = [
    [[0, 0, 0, 0], "unknown command 0"],
    [[0, 12, 0, 0], "unknown command 12"],
    [[0, 11, 0, 1, 0], "command 11 has 1 bytes, not 0"],
    [[0, 3, 0, 4, 0, 0, 0, 0], "command 3 has 4 bytes, not 0 or 16"],
    [[0, 4, 0, 0], "command 4 has no place in a file"],
  ];
  for (const [command, message] of cases) {
    const bytes = written({
      switchover: (writer) => writer.sink.bytes(Uint8Array.of(8, ...command)),
    });
    refused(bytes, message);
  }
});

Deno.test("the switchover starts once", () => {
  refused(written({ switchover: left }), "the switchover is missing");
  const twice = (writer: StreamWriter) => {
    writer.command(Command.SWITCHOVER_START);
    writer.command(Command.SWITCHOVER_START);
  };
  refused(written({ switchover: twice }), "the switchover starts twice");
});

Deno.test("ram must start once and end once", () => {
  refused(written({ ramEnd: left }), 'section "ram" has no end');
  const noStart = refused(
    written({ ramSetup: left }),
    "section id 0x0 was not started",
  );
  assertEquals(noStart.location.section, undefined);
  const twice = (id: number) => (writer: StreamWriter) => {
    writer.ramSetup(BLOCKS, id);
    writer.ramSetup(BLOCKS);
  };
  refused(written({ ramSetup: twice(7) }), "it comes twice");
  const ended = (writer: StreamWriter) => {
    writer.ramEnd();
    writer.ramEnd();
  };
  refused(written({ ramEnd: ended }), "it goes on after its end");
});

Deno.test("ram of another version is refused", () => {
  refused(
    changed("ram", (at) => at[10] = 3),
    "unsupported version 3",
  );
});

Deno.test("the block list must be this machine's", () => {
  const [ram0, rom] = BLOCKS;
  assert(ram0 !== undefined && rom !== undefined);
  const big = { ...ram0, usedLength: 0x8000 };
  const cases: readonly (readonly [typeof BLOCKS, string])[] = [
    [[ram0], 'unknown RAM block "boot.rom"'],
    [[big, rom], '"ram0" has 0x4000 bytes in the stream and 0x8000 here'],
    [[ram0, rom, { ...rom, name: "b" }], '"b" is not in the stream'],
  ];
  for (const [blocks, message] of cases) {
    const error = refused(written(), message, { ram: { blocks } });
    assertEquals(error.location.section, "ram");
  }
});

Deno.test("a block list that does not add up is refused", () => {
  const blocks = (list: typeof BLOCKS) =>
    written({ ramSetup: (writer) => writer.ramSetup(list) });
  const [ram0] = BLOCKS;
  assert(ram0 !== undefined);
  refused(blocks([ram0, ram0]), '"ram0" is listed twice');
  const total = Uint8Array.of(0x50, 4);
  const less = blocks(BLOCKS.toReversed());
  less[indexOf(less, total)] = 0x40;
  refused(less, "add up to 0x5000, more than the total 0x4000");
  const more = written();
  more[indexOf(more, total)] = 0x60;
  refused(more, "a RAM block has no name");
});

Deno.test("blocks are whole pages", () => {
  assertThrows(
    () => new StreamWriter().ramSetup([{ name: "ram0", usedLength: 0x4800 }]),
    RangeError,
    "ram0",
  );
});

Deno.test("pages are refused where the mode keeps RAM in place", () => {
  const bytes = written({
    pages: (writer) => writer.page("ram0", 0, new Uint8Array(4096)),
  });
  refused(bytes, "this mode keeps RAM in place");
});

const page = new Uint8Array(4096).fill(0x5a);

function allPages(writer: StreamWriter): void {
  for (const { name, usedLength } of BLOCKS) {
    for (let at = 0; at < usedLength; at += 4096) {
      writer.page(name, at, at === 0x2000 ? page : new Uint8Array(4096));
    }
  }
}

function received(bytes: Uint8Array): string[] {
  const pages: string[] = [];
  loaded(bytes, {
    ram: {
      blocks: BLOCKS,
      page(block, offset, bytes) {
        assertEquals(bytes.length, 4096);
        pages.push(`${block} ${offset.toString(16)} ${bytes[4095]}`);
      },
    },
  });
  return pages;
}

Deno.test("pages arrive in order, the last one of an address wins", () => {
  const bytes = written({
    pages(writer) {
      writer.page("ram0", 0x1000, page);
      allPages(writer);
    },
  });
  assertEquals(received(bytes), [
    "ram0 1000 90",
    "ram0 0 0",
    "ram0 1000 0",
    "ram0 2000 90",
    "ram0 3000 0",
    "boot.rom 0 0",
  ]);
});

Deno.test("a page that never came is found", () => {
  const bytes = written({ pages: (writer) => writer.page("ram0", 0, page) });
  assertThrows(
    () => received(bytes),
    MigrationStreamError,
    'page 0x1000 of RAM block "ram0" never came',
  );
});

Deno.test("no page is handed over from a stream that is refused", () => {
  const bytes = written({ pages: allPages, clock: left });
  const pages: number[] = [];
  assertThrows(
    () =>
      loaded(bytes, {
        ram: { blocks: BLOCKS, page: (_block, offset) => pages.push(offset) },
      }),
    MigrationStreamError,
  );
  assertEquals(pages, []);
});

Deno.test("malformed RAM records are refused", () => {
  const word = (value: number) => [0, 0, 0, 0, 0, 0, value >> 8, value & 255];
  const cases: readonly (readonly [number[], string])[] = [
    [word(0x28), "there was none before"],
    [word(0x1008 | 0x20), "there was none before"],
    [[...word(0x8008), 4, 114, 97, 109, 48], "page 0x8000 lies outside"],
    [[...word(0x8), 1, 120], 'unknown RAM block "x"'],
    [[...word(0x2), 4, 114, 97, 109, 48, 7], "filled with 0x7"],
    [word(0x1), "flags 0x1"],
    [word(0xa), "flags 0xa"],
    [word(0x400), "flags 0x400"],
    [word(0x80), "flags 0x80"],
    [word(0x30), "flags 0x30"],
    [word(0x1010), "has an address"],
    [word(0x1200), "has an address"],
    [word(0x1004), "flags 0x4"],
    [[0x80, 0, 0, 0, 0, 0, 0, 8], "too large"],
    [[...word(0x40), 4, 114, 97, 109, 48, 2, 0, 0], "XBZRLE coding 2"],
    [[...word(0x40), 4, 114, 97, 109, 48, 1, 16, 1], "4097 bytes"],
    [
      [...word(0x40), 4, 114, 97, 109, 48, 1, 0, 1, 0, ...EOS],
      "XBZRLE was not agreed",
    ],
    [
      [...word(0x100), 4, 114, 97, 109, 48, 0, 0, 0, 1, 0, ...EOS],
      "compressed pages were not agreed",
    ],
  ];
  for (const [record, message] of cases) {
    const bytes = written({
      pages: (writer) =>
        writer.sink.bytes(
          joined([2, 0, 0, 0, 1], record, footer(1)),
        ),
    });
    const error = assertThrows(
      () => received(bytes),
      MigrationStreamError,
      message,
    );
    assertEquals(error.location.section, "ram");
  }
});

Deno.test("bytes after the description are refused", () => {
  refused(Uint8Array.of(...written(), 0), "1 bytes follow the description");
});

Deno.test("a stream without description is refused", () => {
  const bytes = written({
    end: (writer) => writer.sink.bytes(Uint8Array.from(EOF)),
  });
  refused(bytes, "the description does not fit the stream: there is none");
});

Deno.test("a description that does not fit the stream is refused", () => {
  const cases: readonly (readonly [string, string, string])[] = [
    ['"page_size": 4096', '"page_size": 8192', "RAM begins with"],
    ['"size": 8}]}', '"size": 7}]}', "configuration: 11 bytes, not 12"],
    ['"name": "ier"', '"name": "iez"', 'field "iez" has no place'],
    ['"name": "uart"', '"name": "uatr"', 'vmdesc has "uatr" instance 0'],
    ['"vmsd_name": "uart"', '"vmsd_name": "uatr"', 'named "uatr"'],
    ['"version": 2', '"version": 1', "version 2, and 1 in vmdesc"],
    ['"size": 3}', '"size": 4}', "missing section footer"],
    ["uart/timeout", "uart/timeouz", 'subsection "uart/timeouz"'],
    ["deadline", "deadlime", 'subsection "uart/timeout": field'],
    ['{"configuration"', '{"configuratiom"', "it has no configuration"],
    ['"devices": [', '"devices" :[', ""],
    ['"instance_id": 4', '"instance_id": 5', '"0000:00:01.0/clock" instance 5'],
  ];
  const original = new TextDecoder("latin1").decode(written());
  const start = original.lastIndexOf("\0\x06");
  for (const [from, to, message] of cases) {
    const at = original.indexOf(from, start);
    assert(at > 0, from);
    assertEquals(from.length, to.length);
    const bytes = written();
    bytes.set(new TextEncoder().encode(to), at);
    if (message === "") loaded(bytes);
    else refused(bytes, message);
  }
});

Deno.test("every truncation is a typed error", () => {
  const bytes = written();
  for (let length = 0; length < bytes.length; length++) {
    assertThrows(() => loaded(bytes.subarray(0, length)), StreamError);
  }
});

Deno.test("every flipped byte is noticed or is a value", () => {
  const bytes = written();
  const values = new Set<number>();
  for (let at = 0; at < bytes.length; at++) {
    for (const mask of [0x01, 0x80, 0xff]) {
      const broken = bytes.slice();
      broken[at] = (broken[at] ?? 0) ^ mask;
      try {
        loaded(broken);
        values.add(at);
      } catch (error) {
        assert(error instanceof StreamError, `${error}`);
      }
    }
  }
  // Values, section ids that are changed in both places, and spelling of JSON
  // are all that can change: never the frame.
  const frame = indexOf(bytes, new TextEncoder().encode("uart")) + 12;
  for (let at = 0; at < frame; at++) assert(!values.has(at), `offset ${at}`);
});

Deno.test("a torn section is named", () => {
  const bytes = written();
  const at = indexOf(bytes, new TextEncoder().encode("uart"));
  for (const length of [14, 30]) {
    const error = assertThrows(
      () => loaded(bytes.subarray(0, at + length)),
      MigrationStreamError,
      "the stream ends here",
    );
    assertEquals(error.location.section, "uart");
  }
});

Deno.test("a state with bytes too many is refused", () => {
  const longer = vmstate("uart", { version: 2 }, {
    ier: u8(),
    mcr: u8(),
    rxCount: u32(),
    baud: struct(vmstate("baud", { version: 1 }, { divisor: u32() })),
  });
  const value = { ier: 1, mcr: 2, rxCount: 0, baud: { divisor: 1 } };
  refused(withUart({ state: longer, value }), "10 bytes, not 9");
});
