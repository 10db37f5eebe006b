import { assertEquals, assertThrows } from "@std/assert";
import { readStreamSetup } from "../../../lib/migration/stream/mod.ts";
import { StreamError } from "../../../lib/stream/mod.ts";
import { data } from "../../../testing/data/data.ts";
import {
  configuration,
  EOS,
  footer,
  HEADER,
  joined,
  oneBlock,
  ramStart,
  section,
  word,
} from "../../../testing/streams/foreign.ts";

const START = ramStart(joined(oneBlock("r", 0x4000), EOS));
const BLOCK = { name: "r", usedLength: 0x4000 };
const BLOCKS = [BLOCK];

/** Where the list of the real stream ends; its footer follows. */
const LIST_END = 187;

function refused(stream: Uint8Array, message: string): void {
  assertThrows(() => readStreamSetup(stream), StreamError, message);
}

Deno.test("the setup of a real stream is its beginning alone", async () => {
  const stream = await data("cpr-exec-q35-plain.vm.state");
  const setup = readStreamSetup(stream.subarray(0, LIST_END));
  assertEquals(setup.configuration?.machine, "pc-q35-11.1");
  assertEquals(setup.blocks.length, 6);
  assertEquals(setup.blocks[0], { name: "ram0", usedLength: 128 << 20 });
});

Deno.test("a setup that is cut short is never a short list", async () => {
  const stream = await data("cpr-exec-q35-plain.vm.state");
  for (let length = 0; length < LIST_END; length++) {
    refused(stream.subarray(0, length), "");
  }
});

Deno.test("commands and early devices come before the list", () => {
  const early = section(4, 7, "0000:00:01.0/virtio-mem-device-early", 1, [
    ...[1, 2, 3],
    ...[0x7e, 0, 0, 0, 7, 0x99], // a footer by its bytes, but not by its place
    ...[4],
  ]);
  const { blocks } = readStreamSetup(joined(
    HEADER,
    configuration(),
    [8, 0, 1, 0, 0],
    early,
    footer(7),
    START,
  ));
  assertEquals(blocks, BLOCKS);
});

Deno.test("a stream may lack its configuration", () => {
  const setup = readStreamSetup(joined(HEADER, START));
  assertEquals(setup, { configuration: undefined, blocks: BLOCKS });
});

Deno.test("x-ignore-shared is read from the configuration", () => {
  const { blocks } = readStreamSetup(joined(
    HEADER,
    configuration("x-ignore-shared"),
    ramStart(joined(oneBlock("r", 0x4000), word(0x1000), EOS)),
  ));
  assertEquals(blocks, [{ ...BLOCK, address: 0x1000n }]);
});

Deno.test("a list that is not there is refused", () => {
  const before = joined(HEADER, configuration());
  refused(joined(before, [0]), "it ends before the list");
  refused(joined(before, [2, 0, 0, 0, 1]), "0x1 was not started");
  refused(joined(before, [9]), "unknown record type 0x9");
  refused(joined(before, section(1, 1, "dirty-bitmap", 1, [])), "dirty-bitmap");
  refused(joined(before, section(1, 1, "ram", 3, [])), "version 3");
  refused(
    joined(before, section(4, 7, "early", 1, [1, 2]), footer(8), START),
    "its footer is missing",
  );
});

Deno.test("an early device ends where a record follows its footer", () => {
  const early = section(4, 7, "0000:00:01.0/virtio-mem-device-early", 1, [
    ...[0x7e, 0, 0, 0, 7, 4, 5, 6], // no name that a section has
    ...[0x7e, 0, 0, 0, 7, 8, 0, 99], // no command
  ]);
  const { blocks } = readStreamSetup(
    joined(HEADER, configuration(), early, footer(7), START),
  );
  assertEquals(blocks, BLOCKS);
});

Deno.test("huge pages are recognized by POSTCOPY_ADVISE", () => {
  const { blocks } = readStreamSetup(joined(
    HEADER,
    configuration(),
    [8, 0, 3, 0, 16],
    joined(word(0x20_1000), word(0x1000)),
    ramStart(joined(oneBlock("r", 0x40_0000), word(0x20_0000), EOS)),
  ));
  const block = { name: "r", usedLength: 0x40_0000, pageSize: 0x20_0000 };
  assertEquals(blocks, [block]);
});
