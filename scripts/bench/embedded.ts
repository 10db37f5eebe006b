import { Lab, memoryOf, openDescriptors } from "../../testing/machine/mod.ts";
import { cprctlWords } from "../../testing/program/program.ts";
import { EMPTY } from "./forms.ts";
import { PhaseSeries, updateOf } from "./report.ts";
import { timeOf } from "./run.ts";
import { interleave } from "./series.ts";
import {
  MILLISECONDS,
  printNote,
  printPhases,
  printTable,
  printTitle,
} from "./table.ts";

const UPDATES = 20;
const MEBIBYTE = 1024 * 1024;

/** One embedded machine, updated again and again. */
export async function benchEmbedded(): Promise<void> {
  printTitle("embedded", `one machine, ${UPDATES} updates, STOP to RESUME`);
  await using lab = await Lab.open();
  const vm = lab.start();
  await (await vm.connect()).close();
  const descriptors: number[] = [];
  const memory: number[] = [];
  const phases = new PhaseSeries();
  const { downtime, empty } = await interleave(UPDATES, {
    empty: () => timeOf(EMPTY),
    downtime: async () => {
      const report = await updateOf(cprctlWords(), vm.qmpPath);
      phases.add(report);
      descriptors.push(openDescriptors(vm.pid).length);
      memory.push(memoryOf(vm.pid) / MEBIBYTE);
      return report.downtime_ms ?? NaN;
    },
  });
  printTable(MILLISECONDS, {
    "an empty Deno program": empty,
    "downtime of the embedded machine": downtime,
  });
  printPhases(phases);
  const steps = [0, UPDATES / 4, UPDATES / 2, UPDATES - 1].map(Math.floor);
  const over = (numbers: readonly number[]) =>
    steps.map((at) => numbers[at]?.toFixed(0)).join(", ");
  printNote(
    `after updates ${steps.map((at) => at + 1).join(", ")}: ` +
      `descriptors ${over(descriptors)}; resident memory ${over(memory)} MiB`,
  );
}
