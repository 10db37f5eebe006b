/** A demonstration that is interrupted leaves nothing, whenever that is. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { exists } from "../../../testing/program/exists.ts";
import { cprctlWords } from "../../../testing/program/program.ts";
import { MARK } from "../../../testing/program/reaper.ts";
import { inTime, until } from "../../../testing/program/until.ts";
import { DEADLINE_MS, Lab } from "../../../testing/machine/mod.ts";

const DONE = 0;
const REFUSED = 3;

/** The folders of demonstrations in a folder. */
function demosIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => `${folder}/${name}`)
    .filter((path) => path.includes("/cprctl-demo-"));
}

/** Processes that carry a lab's mark. */
function marked(lab: Lab): string[] {
  return [...Deno.readDirSync("/proc")].map(({ name }) => name).filter(
    (pid) => {
      try {
        return Deno.readTextFileSync(`/proc/${pid}/environ`).split("\0")
          .includes(`${MARK}=${lab.folder}`);
      } catch {
        return false; // not a process, or gone, or ending
      }
    },
  );
}

/** Interrupts a demonstration when it has come so far, and looks for remains. */
async function interrupt(
  signal: Deno.Signal,
  hasCome: (folder: string) => boolean,
): Promise<void> {
  await using lab = await Lab.open();
  const [program, ...words] = cprctlWords();
  const demo = new Deno.Command(program, {
    args: [...words, "demo"],
    env: { [MARK]: lab.folder, TMPDIR: lab.folder },
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const output = demo.output();
  await until(
    "the demo has come so far",
    DEADLINE_MS,
    () => hasCome(lab.folder),
  );
  demo.kill(signal);
  const { code, stdout, stderr } = await inTime(
    "the demo ended",
    DEADLINE_MS,
    output,
  );
  assertEquals(demosIn(lab.folder), []);
  assertEquals(marked(lab), []);
  const text = new TextDecoder();
  const said = text.decode(stdout) + text.decode(stderr);
  // A move that has begun is brought to its end.
  assert([DONE, REFUSED].includes(code), said);
  assertStringIncludes(said, code === DONE ? `${signal} was received` : signal);
}

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.test(`${signal} while the demo's machine starts leaves nothing`, () =>
    interrupt(signal, (folder) => demosIn(folder).length > 0));
}

Deno.test("a signal while the demo's machine is moved leaves nothing", () =>
  interrupt(
    "SIGTERM",
    (folder) => demosIn(folder).some((demo) => exists(`${demo}/qmp`)),
  ));
