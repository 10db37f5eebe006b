import { decodeStream, StreamWriter } from "../../lib/migration/stream/mod.ts";
import { encodeStream } from "../../testing/streams/encode_stream.ts";
import { data } from "../../testing/data/data.ts";
import { EmbeddedStream } from "./embedded_stream.ts";
import { denoRun } from "./forms.ts";
import { outputOf } from "./run.ts";
import { interleave, type Measure, Series } from "./series.ts";
import {
  GIGABYTES_A_SECOND,
  MEGABYTES_A_SECOND,
  MILLISECONDS,
  printNote,
  printTable,
  printTitle,
  type Unit,
} from "./table.ts";

const ROUNDS = 15;
const FIRST_ROUNDS = 8;
/** Long enough for the clock, short enough for many rounds. */
const SAMPLE_MS = 20;
/** For the compiler to see what is measured. */
const WARM_UP_MS = 300;

const RICH = "cpr-exec-pc-rich.vm.state";
const PAGE_BYTES = 4096;
const RAM_BYTES = 128 * 1024 * 1024;

const DECODE = denoRun(
  new URL("programs/decode.ts", import.meta.url).pathname,
);

/** How fast streams are read and written. */
export async function benchCodec(): Promise<void> {
  await benchRich();
  await benchEmbedded();
  await benchRam();
}

/** Device state of a real QEMU with many devices. */
async function benchRich(): Promise<void> {
  const rich = await data(RICH);
  const decoded = decodeStream(rich);
  const kilobytes = (rich.length / 1000).toFixed(0);
  printTitle(
    "codec",
    `device state of a QEMU with 20 devices, ${kilobytes} kB`,
  );
  await printRates(MEGABYTES_A_SECOND, 1e6, rich.length, {
    "SHA-256 of the same bytes": async () => {
      await crypto.subtle.digest("SHA-256", rich);
    },
    "decode": () => void decodeStream(rich),
    "encode": () => void encodeStream(decoded),
  });
  await printFirst(rich);
}

/** An update decodes once, with code that was not run before. */
async function printFirst(rich: Uint8Array<ArrayBuffer>): Promise<void> {
  const path = await Deno.makeTempFile({ prefix: "cprctl-bench-" });
  try {
    await Deno.writeFile(path, rich);
    const first = new Series();
    for (let round = 0; round < FIRST_ROUNDS; round++) {
      first.add(Number(await outputOf([...DECODE, path])));
    }
    printTable(MILLISECONDS, { "the first decode of a process": first });
    printNote("It runs while the new program starts: the guest does not wait");
  } finally {
    await Deno.remove(path);
  }
}

/** The VMState descriptions of the embedded machine. */
async function benchEmbedded(): Promise<void> {
  const machine = new EmbeddedStream();
  const bytes = machine.save();
  printTitle(
    "codec",
    `the embedded machine's own state, ${bytes.length} bytes`,
  );
  await printRates(MEGABYTES_A_SECOND, 1e6, bytes.length, {
    "SHA-256 of the same bytes": async () => {
      await crypto.subtle.digest("SHA-256", bytes);
    },
    "save": () => void machine.save(),
    "load": () => machine.load(bytes),
  });
}

/** Guest pages, which are passed over and not looked at. */
async function benchRam(): Promise<void> {
  const stream = streamOfPages();
  const megabytes = stream.length / 1e6;
  printTitle("codec", `guest RAM in the stream, ${megabytes.toFixed(0)} MB`);
  const copy = new Uint8Array(stream.length);
  await printRates(GIGABYTES_A_SECOND, 1e9, stream.length, {
    "a copy of the same bytes": () => copy.set(stream),
    "walk": () => void decodeStream(stream),
  });
}

function streamOfPages(): Uint8Array<ArrayBuffer> {
  const writer = new StreamWriter();
  writer.header();
  writer.configuration({ machine: "bench" });
  writer.ramSetup([{ name: "ram", usedLength: RAM_BYTES }]);
  const page = crypto.getRandomValues(new Uint8Array(PAGE_BYTES));
  for (let offset = 0; offset < RAM_BYTES; offset += PAGE_BYTES) {
    writer.page("ram", offset, page);
  }
  writer.ramEnd();
  writer.end();
  return writer.sink.toBytes();
}

type Work = () => void | Promise<void>;

/** Bytes in so many units a second. */
async function printRates(
  unit: Unit,
  unitBytes: number,
  bytes: number,
  works: Readonly<Record<string, Work>>,
): Promise<void> {
  const measures: Record<string, Measure> = {};
  for (const [name, work] of Object.entries(works)) {
    await repeat(work, WARM_UP_MS);
    measures[name] = async () =>
      bytes / unitBytes / await repeat(work, SAMPLE_MS);
  }
  printTable(unit, await interleave(ROUNDS, measures));
}

/** Works again and again; seconds that one took. */
async function repeat(work: Work, milliseconds: number): Promise<number> {
  const start = performance.now();
  for (let count = 1;; count++) {
    await work();
    const elapsed = performance.now() - start;
    if (elapsed >= milliseconds) return elapsed / count / 1000;
  }
}
