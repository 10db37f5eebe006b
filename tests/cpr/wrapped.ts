/** `cprctl exec` in a process that was handed something over. @module */

import { Fd } from "../../ffi/fd.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import { O_CREAT, O_RDONLY, O_RDWR } from "../../ffi/open_flags.ts";
import { spawn } from "../../ffi/spawn.ts";
import { CPR_EXEC_STATE, encodeCprState } from "../../lib/cpr/mod.ts";
import { cprctlWords } from "../../testing/program/program.ts";

const DEADLINE_MS = 30_000;
/** Above those that the runtime opens for itself. */
const FIRST_NUMBER = 50;
const STATE_NUMBER = 49;

/** A command that has a memory backend and says that it ran. */
export const COMMAND = [
  ...["/bin/sh", "-c", "echo ran", "sh"],
  ...["-object", "memory-backend-memfd,id=ram0,size=4K,share=on"],
];

/** A descriptor of this process, and what the table says of it. */
export interface Entry {
  readonly name: string;
  readonly id?: number;
  /** Undefined for one that is closed. */
  readonly fd?: Fd;
  /** What the table names in place of the number that it has there. */
  readonly number?: number;
}

/** What the wrapper is given besides. */
export interface Given {
  /** Makes the table another one. */
  readonly table?: (table: Uint8Array<ArrayBuffer>) => Uint8Array<ArrayBuffer>;
  /** Words before the command; "--" by default. */
  readonly words?: readonly string[];
  readonly command?: readonly string[];
  /** Value of the environment variable; null for none. */
  readonly variable?: string | null;
  /** In place of a file that is read afterwards. */
  readonly stderr?: Fd;
}

/** Runs the wrapper to its end, or the end of what it executed. */
export async function wrapped(
  folder: string,
  entries: readonly Entry[],
  given: Given = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  using resources = new DisposableStack();
  const file = (name: string) =>
    resources.use(Fd.open(`${folder}/${name}`, O_RDWR | O_CREAT));
  const [stdout, stderr] = [file("stdout"), file("stderr")];
  for (const output of [stdout, stderr]) output.truncate(0);
  const input = resources.use(Fd.open("/dev/null", O_RDONLY));
  const descriptors = new Map([
    [0, input.number],
    [1, stdout.number],
    [2, (given.stderr ?? stderr).number],
  ]);
  const table = encodeCprState({
    descriptors: entries.map(({ name, id = 0, fd, number }, index) => {
      if (fd !== undefined) descriptors.set(FIRST_NUMBER + index, fd.number);
      return { name, id, descriptor: number ?? FIRST_NUMBER + index };
    }),
    vfioDevices: [],
  });
  const state = resources.use(createMemfd(CPR_EXEC_STATE));
  state.writeAll(given.table?.(table) ?? table);
  descriptors.set(STATE_NUMBER, state.number);
  const { variable = String(STATE_NUMBER), words = ["--"] } = given;
  const child = resources.use(spawn(
    [...cprctlWords(), "exec", ...words, ...given.command ?? COMMAND],
    {
      descriptors,
      environment: {
        ...Deno.env.toObject(),
        ...variable === null ? {} : { [CPR_EXEC_STATE]: variable },
      },
    },
  ));
  const { code } = await child.wait(DEADLINE_MS);
  return {
    code,
    stdout: await Deno.readTextFile(`${folder}/stdout`),
    stderr: await Deno.readTextFile(`${folder}/stderr`),
  };
}
