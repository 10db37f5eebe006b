import { data } from "../../testing/data/data.ts";
import { EMPTY, type Form, forms } from "./forms.ts";
import { outputOf, processorTimeOf } from "./run.ts";
import { interleave, type Measure } from "./series.ts";
import { MILLISECONDS, printNote, printTable, printTitle } from "./table.ts";

const ROUNDS = 20;
const COMMANDS = ["version", "list", "--help", "exec --help"];
/** Device state without guest memory, 78 kB. */
const STATE = "cpr-exec-q35-plain.vm.state";

/** For a host of its own, where a program sees itself alone. */
const ALONE = [
  "unshare",
  ...Deno.uid() === 0 ? [] : ["--user", "--map-root-user"],
  ...["--pid", "--fork", "--mount-proc"],
];

/**
 * What cprctl takes to start, say little, and end. Processor time, not time of
 * the clock: it is the same however busy the machine is.
 */
export async function benchStart(): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-bench-" });
  try {
    const state = `${folder}/state`;
    await Deno.writeFile(state, await data(STATE));
    await benchCommands([...COMMANDS, `inspect ${state}`]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function benchCommands(commands: readonly string[]): Promise<void> {
  printTitle("start", "processor time, user and system, on an empty host");
  const alone = await canBeAlone();
  const timeOf = (argv: readonly string[]) =>
    processorTimeOf(argv, alone ? ALONE : []);
  const measures: Record<string, Measure> = {
    "an empty Deno program": () => timeOf(EMPTY),
  };
  for (const form of forms()) {
    for (const words of commands) {
      measures[nameOf(form, words)] = () =>
        timeOf([...form.argv, ...words.split(" ")]);
    }
  }
  printTable(MILLISECONDS, await interleave(ROUNDS, measures));
  if (!alone) printNote("no PID namespace here: list read all of this host");
}

async function canBeAlone(): Promise<boolean> {
  try {
    await outputOf([...ALONE, "true"]);
    return true;
  } catch {
    return false;
  }
}

function nameOf(form: Form, words: string): string {
  return `cprctl ${words.replace(/ \/.*/, " FILE")} (${form.name})`;
}
