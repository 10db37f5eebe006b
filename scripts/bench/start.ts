import { EMPTY, type Form, forms } from "./forms.ts";
import { timeOf } from "./run.ts";
import { interleave, type Measure } from "./series.ts";
import { MILLISECONDS, printTable, printTitle, type Row } from "./table.ts";

const ROUNDS = 15;
const COMMANDS = ["--help", "version", "exec --help"];

/** What cprctl takes to start, say little, and end. */
export async function benchStart(): Promise<void> {
  printTitle("start", "from the start of the program to its end");
  const measures: Record<string, Measure> = {
    "an empty Deno program": () => timeOf(EMPTY),
  };
  for (const form of forms()) {
    for (const words of COMMANDS) {
      measures[nameOf(form, words)] = () =>
        timeOf([...form.argv, ...words.split(" ")]);
    }
  }
  const series = await interleave(ROUNDS, measures);
  const rows: Row[] = Object.entries(series)
    .map(([name, series]) => ({ name, series }));
  printTable(MILLISECONDS, rows);
}

function nameOf(form: Form, words: string): string {
  return `cprctl ${words} (${form.name})`;
}
