import type { AllReport } from "../../lib/update/all/all_report.ts";
import { Lab } from "../../testing/machine/mod.ts";
import { Crowd } from "../../testing/qemu/mod.ts";
import { type RealHost, realHost } from "./real_host.ts";
import { forms } from "./forms.ts";
import { updateOf } from "./report.ts";
import { outputOf } from "./run.ts";
import { Series } from "./series.ts";
import { MILLISECONDS, printTable, printTitle, SECONDS } from "./table.ts";

const EMBEDDED = 32;
const EMBEDDED_ROUNDS = 1;
const REAL = 8;
const REAL_ROUNDS = 3;
/** The first is the default. */
const JOBS = [2, 1, 4, 8];

/** VMs that are updated together. */
interface Host {
  /** For --all. */
  readonly pattern: string;
  readonly sockets: readonly string[];
  /** Options of the next update. */
  next(): readonly string[];
}

/** Many VMs of a host: one after another, and by --all. */
export async function benchAll(): Promise<void> {
  await benchEmbeddedCrowd();
  const host = await realHost("all");
  if (host !== undefined) await benchRealCrowd(host);
}

async function benchEmbeddedCrowd(): Promise<void> {
  await using lab = await Lab.open();
  const name = `crowd-${crypto.randomUUID().slice(0, 8)}`;
  const vms = Array.from(
    { length: EMBEDDED },
    (_, at) => lab.start({ more: ["-name", `${name}-${at}`] }),
  );
  for (const vm of vms) await (await vm.connect()).close();
  await measure(`${EMBEDDED} embedded machines`, EMBEDDED_ROUNDS, {
    pattern: `${name}-*`,
    sockets: vms.map(({ qmpPath }) => qmpPath),
    next: () => [],
  });
}

async function benchRealCrowd(
  { builds, accelerator }: RealHost,
): Promise<void> {
  await using crowd = await Crowd.boot(builds.old, REAL, accelerator);
  let at = builds.old;
  await measure(`${REAL} real VMs, ${accelerator}`, REAL_ROUNDS, {
    pattern: crowd.pattern,
    sockets: crowd.vms.map(({ files }) => files.qmp),
    next() {
      at = at === builds.old ? builds.new : builds.old;
      return ["--binary", at.binary];
    },
  });
}

async function measure(
  title: string,
  rounds: number,
  host: Host,
): Promise<void> {
  const [cprctl] = forms().reverse();
  const argv = cprctl?.argv ?? [];
  const ways = [
    { name: "one cprctl after another", run: () => oneByOne(argv, host) },
    ...JOBS.map((jobs) => ({
      name: `cprctl update --all --jobs ${jobs}`,
      run: () => together(argv, host, jobs),
    })),
  ].map((way) => ({ ...way, wall: new Series(), downtimes: new Series() }));
  for (let round = 0; round < rounds; round++) {
    for (const { run, wall, downtimes } of ways) {
      const start = performance.now();
      for (const downtime of await run()) downtimes.add(downtime);
      wall.add((performance.now() - start) / 1000);
    }
  }
  printTitle("all", `${title}, all of them moved`);
  const of = (what: "wall" | "downtimes") =>
    Object.fromEntries(ways.map((way) => [way.name, way[what]]));
  printTable(SECONDS, of("wall"));
  printTitle("all", `${title}, the downtime of each, STOP to RESUME`);
  printTable(MILLISECONDS, of("downtimes"));
}

async function oneByOne(
  argv: readonly string[],
  { sockets, next }: Host,
): Promise<number[]> {
  const words = next();
  const downtimes = [];
  for (const socket of sockets) {
    const { downtime_ms } = await updateOf(argv, socket, words);
    downtimes.push(downtime_ms ?? NaN);
  }
  return downtimes;
}

async function together(
  argv: readonly string[],
  { pattern, sockets, next }: Host,
  jobs: number,
): Promise<number[]> {
  const words = ["--force", "--json", "--jobs", `${jobs}`, ...next()];
  const text = await outputOf([...argv, "update", "--all", pattern, ...words]);
  const { results }: AllReport = JSON.parse(text);
  if (results.length !== sockets.length) {
    throw new Error(`Cannot measure: ${results.length} VMs were moved`);
  }
  return results.map(({ downtime_ms }) => downtime_ms ?? NaN);
}
