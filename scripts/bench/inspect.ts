import { leavesOf } from "../../lib/inspect/members.ts";
import { inspect, type Inspection, writeJson } from "../../lib/inspect/mod.ts";
import { data } from "../../testing/data/data.ts";
import { writeBigStream } from "./big_stream.ts";
import { denoRun, forms } from "./forms.ts";
import { outputOf, timeOf } from "./run.ts";
import { interleave, type Measure } from "./series.ts";
import {
  MEGABYTES_A_SECOND,
  MILLISECONDS,
  printNote,
  printTable,
  printTitle,
} from "./table.ts";

const GIB = 2 ** 30;
const ROUNDS = 9;
const MEMORY_ROUNDS = 3;
const JSON_ROUNDS = 15;
const MEBIBYTES = { name: "MiB", digits: 0 };
const RICH = "cpr-exec-pc-rich.vm.state";
/** Long enough for the clock, and for the compiler to be done. */
const SAMPLE_MS = 100;
const WARM_UP_MS = 500;
/** Room for the larger stream. */
const NEEDED = 10 * GIB;

const ONCE = denoRun(
  new URL("programs/inspect_once.ts", import.meta.url).pathname,
);

/** How fast, and in how much memory, states are looked into. */
export async function benchInspect(): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-bench-" });
  try {
    const small = `${folder}/1g.state`;
    await writeBigStream(small, GIB);
    await benchStructure(small);
    await benchMemory(small, `${folder}/8g.state`);
    await benchJson(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** The yardstick is one run, too: `cat`, then a start of the program. */
async function benchStructure(path: string): Promise<void> {
  for (const form of forms()) {
    printTitle(
      "inspect",
      `structure of a stream with 1 GiB of guest pages (${form.name})`,
    );
    const cat = `cat ${path} >/dev/null`;
    const start = quoted([...form.argv, "version"]);
    const words = ["inspect", "--section", "globalstate", path];
    const series = await interleave(ROUNDS, {
      "cat FILE >/dev/null; cprctl version": () =>
        timeOf(shell(`${cat}; ${start}`)),
      "cat FILE >/dev/null": () => timeOf(shell(cat)),
      "cprctl version": () => timeOf(shell(start)),
      "cprctl inspect FILE": () => timeOf([...form.argv, ...words]),
    });
    printTable(MILLISECONDS, series);
  }
}

async function benchMemory(small: string, large: string): Promise<void> {
  printTitle("inspect", "most memory of the process");
  const files = [{ path: small, size: "1 GiB" }];
  if (await freeBytes(small) < NEEDED) {
    printNote("There is no room for 8 GiB");
  } else {
    await writeBigStream(large, 8 * GIB);
    files.push({ path: large, size: "8 GiB" });
  }
  const measures: Record<string, Measure> = {};
  for (const { path, size } of files) {
    measures[`cprctl inspect, ${size} of guest pages`] = async () =>
      Number((await outputOf([...ONCE, path])).split(" ")[1]);
    measures[`cat, ${size}`] = () => memoryOfCat(path);
  }
  printTable(MEBIBYTES, await interleave(MEMORY_ROUNDS, measures));
}

/** In MiB: the last that `cat` writes is what the kernel says of itself. */
async function memoryOfCat(path: string): Promise<number> {
  const status = await outputOf(
    shell(`cat ${path} /proc/self/status | tail -c 4096`),
  );
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB/m.exec(status) ?? [];
  return Number(kibibytes) / 1024;
}

function shell(text: string): string[] {
  return ["/bin/sh", "-c", text];
}

/** Paths here are ours and the caller's; none has a quote. */
function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word}'`).join(" ");
}

async function freeBytes(path: string): Promise<number> {
  const text = await outputOf(["df", "--output=avail", "-B1", path]);
  return Number(text.split("\n")[1]);
}

/** Device state of many values, beside a stream that has none. */
async function benchJson(folder: string): Promise<void> {
  const rich = await data(RICH);
  const file = `${folder}/rich.state`;
  const empty = `${folder}/empty.state`;
  const inspection = inspectionOf(rich);
  await Deno.writeFile(file, rich);
  await Deno.writeFile(empty, withoutSections(rich, inspection));
  printTitle("inspect", `device state to JSON: ${describe(inspection)}`);
  for (const { name, argv } of forms()) {
    const inspectIt = (path: string) =>
      shell(`${quoted([...argv, "inspect", "--json", path])} >/dev/null`);
    const series = await interleave(JSON_ROUNDS, {
      "cat FILE >/dev/null": () => timeOf(shell(`cat ${file} >/dev/null`)),
      [`cprctl inspect --json EMPTY (${name})`]: () => timeOf(inspectIt(empty)),
      [`cprctl inspect --json FILE (${name})`]: () => timeOf(inspectIt(file)),
    });
    printTable(MILLISECONDS, series);
    const [, start, whole] = Object.values(series);
    if (start === undefined || whole === undefined) continue;
    const [median, best] = [
      rate(rich, whole.median - start.median),
      rate(rich, whole.least - start.least),
    ].map((each) => each.toFixed(0));
    printNote(
      `FILE less EMPTY: ${median} MB/s by the medians, ${best} by the least`,
    );
  }
  printTitle("inspect", "the same by code that is compiled");
  const work = () => jsonLength(inspectionOf(rich));
  repeat(work, WARM_UP_MS);
  const rates = await interleave(ROUNDS, {
    "SHA-256 of the same bytes": async () => {
      const start = performance.now();
      for (let count = 0; count < 20; count++) {
        await crypto.subtle.digest("SHA-256", rich);
      }
      return rate(rich, (performance.now() - start) / 20);
    },
    "decode, and write JSON": () => rate(rich, repeat(work, SAMPLE_MS)),
  });
  printTable(MEGABYTES_A_SECOND, rates);
}

/** Megabytes of the file a second: sections, and what describes them. */
function rate({ length }: { readonly length: number }, milliseconds: number) {
  return length / 1000 / milliseconds;
}

type StreamInspection = Extract<Inspection, { format: "migration-stream" }>;

function inspectionOf(bytes: Uint8Array): StreamInspection {
  const inspection = inspect({
    name: RICH,
    bytes,
    passed() {},
    [Symbol.dispose]() {},
  });
  if (inspection.format === "migration-stream") return inspection;
  throw new Error(`"${RICH}" is no migration stream`);
}

/** Header, configuration and EOF: what there is to do before any section. */
function withoutSections(
  rich: Uint8Array,
  { sections }: StreamInspection,
): Uint8Array {
  const end = sections[0]?.offset ?? 0;
  return Uint8Array.of(...rich.subarray(0, end), 0);
}

function describe(inspection: StreamInspection): string {
  const { sections, size, decoded } = inspection;
  const values = sections.reduce((sum, it) => sum + leavesOf(it).size, 0);
  const devices = decoded.vmdesc?.offset ?? size;
  const kilobytes = (bytes: number) => `${(bytes / 1000).toFixed(0)} kB`;
  return `${values} values, ${kilobytes(devices)} and ` +
    `${kilobytes(size - devices)} that describe them, ` +
    `${kilobytes(jsonLength(inspection))} of JSON`;
}

function jsonLength(inspection: StreamInspection): number {
  let length = 0;
  writeJson(inspection, inspection.sections, (text) => length += text.length);
  return length;
}

/** Milliseconds that one took. */
function repeat(work: () => void, milliseconds: number): number {
  const start = performance.now();
  for (let count = 1;; count++) {
    work();
    const elapsed = performance.now() - start;
    if (elapsed >= milliseconds) return elapsed / count;
  }
}
