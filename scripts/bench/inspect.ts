import { inspect, writeJson } from "../../lib/inspect/mod.ts";
import { data } from "../../tests/data/data.ts";
import { writeBigStream } from "./big_stream.ts";
import { denoRun, EMPTY, forms } from "./forms.ts";
import { outputOf, timeOf } from "./run.ts";
import { interleave, type Measure, Series } from "./series.ts";
import {
  MEGABYTES_A_SECOND,
  MILLISECONDS,
  printNote,
  printTable,
  printTitle,
  type Row,
} from "./table.ts";

const GIB = 2 ** 30;
const ROUNDS = 9;
const MEMORY_ROUNDS = 3;
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
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  await benchJson();
}

async function benchStructure(path: string): Promise<void> {
  printTitle("inspect", "structure of a stream with 1 GiB of guest pages");
  const measures: Record<string, Measure> = {
    "cat FILE >/dev/null": () =>
      timeOf(["/bin/sh", "-c", `cat ${path} >/dev/null`]),
    "an empty Deno program": () => timeOf(EMPTY),
  };
  for (const { name, argv } of forms()) {
    const words = ["inspect", "--section", "globalstate", path];
    measures[`cprctl inspect (${name})`] = () => timeOf([...argv, ...words]);
  }
  const series = await interleave(ROUNDS, measures);
  printTable(
    MILLISECONDS,
    Object.entries(series).map(([name, series]) => ({ name, series })),
  );
}

async function benchMemory(small: string, large: string): Promise<void> {
  printTitle("inspect", "most memory of the process");
  const rows: Row[] = [];
  const measure = async (name: string, path: string) => {
    const series = new Series();
    for (let round = 0; round < MEMORY_ROUNDS; round++) {
      series.add(Number((await outputOf([...ONCE, path])).split(" ")[1]));
    }
    rows.push({ name, series });
  };
  await measure("1 GiB of guest pages", small);
  if (await freeBytes(small) < NEEDED) {
    printNote("There is no room for 8 GiB");
  } else {
    await writeBigStream(large, 8 * GIB);
    await measure("8 GiB of guest pages", large);
  }
  printTable(MEBIBYTES, rows);
}

async function freeBytes(path: string): Promise<number> {
  const text = await outputOf(["df", "--output=avail", "-B1", path]);
  return Number(text.split("\n")[1]);
}

/** Device state with 38 000 values. */
async function benchJson(): Promise<void> {
  const rich = await data(RICH);
  const input = {
    name: RICH,
    bytes: rich,
    passed() {},
    [Symbol.dispose]() {},
  };
  let characters = 0;
  const work = () => {
    const inspection = inspect(input);
    if (inspection.format !== "migration-stream") return;
    characters = 0;
    writeJson(inspection, inspection.sections, (text) => {
      characters += text.length;
    });
  };
  printTitle(
    "inspect",
    `device state to JSON, ${(rich.length / 1000).toFixed(0)} kB`,
  );
  const rate = (milliseconds: number) => rich.length / 1000 / milliseconds;
  repeat(work, WARM_UP_MS);
  const series = await interleave(ROUNDS, {
    "SHA-256 of the same bytes": async () => {
      const start = performance.now();
      for (let count = 0; count < 20; count++) {
        await crypto.subtle.digest("SHA-256", rich);
      }
      return rate((performance.now() - start) / 20);
    },
    "decode, and write JSON": () => rate(repeat(work, SAMPLE_MS)),
  });
  printTable(
    MEGABYTES_A_SECOND,
    Object.entries(series).map(([name, series]) => ({ name, series })),
  );
  printNote(`The JSON has ${(characters / 1000).toFixed(0)} kB`);
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
