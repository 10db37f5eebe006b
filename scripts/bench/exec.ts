import { denoRun, forms } from "./forms.ts";
import { outputOf } from "./run.ts";
import { interleave, type Measure } from "./series.ts";
import { MILLISECONDS, printNote, printTable, printTitle } from "./table.ts";

const ROUNDS = 12;

const HAND_OVER = denoRun(
  new URL("programs/hand_over.ts", import.meta.url).pathname,
);
/** The first line of the command: when it runs, in seconds. */
const COMMAND = ["/bin/date", "+%s.%N"];

/** What a wrapper in cpr-exec-command adds to the downtime. */
export async function benchExec(): Promise<void> {
  printTitle("exec", "a real hand-over, from the exec to the command's line");
  const measures: Record<string, Measure> = {
    "direct: CMD": () => handOver([]),
    "/bin/sh -c 'exec CMD'": () =>
      handOver(["/bin/sh", "-c", 'exec "$@"', "sh"]),
  };
  for (const { name, argv } of forms()) {
    measures[`cprctl exec -- CMD (${name})`] = () =>
      handOver([...argv, "exec", "--log", "/dev/null", "--"]);
  }
  printTable(MILLISECONDS, await interleave(ROUNDS, measures));
  printNote(
    "The wrapper waits for the Deno runtime to start; then it reads CPR state, " +
      "looks at each descriptor, and executes",
  );
}

async function handOver(wrapper: readonly string[]): Promise<number> {
  const lines = await outputOf([...HAND_OVER, ...wrapper, ...COMMAND]);
  const [before = NaN, after = NaN] = lines.split("\n").map(Number);
  return after * 1000 - before;
}
