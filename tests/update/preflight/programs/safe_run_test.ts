import { assertEquals, assertRejects } from "@std/assert";
import { type BriefRun } from "../../../../lib/brief_run.ts";
import {
  type Choice,
  safeWay,
} from "../../../../lib/update/preflight/programs/safe_run.ts";
import { UpdateProblem } from "../../../../lib/update/error.ts";
import { Cell } from "../../../../lib/update/world/cell.ts";
import { cprctlWords } from "../../../program/program.ts";
import { worldOf } from "../../world/world_of.ts";

const ignore = Deno.uid() !== 0;
const USER = "65534";
const ASK_USER: Omit<BriefRun, "start"> = {
  ...{ args: ["-ru"], output: "stdout", maximum: 1_000, timeoutMs: 30_000 },
};

/** Of root's in any case. */
const ROOTS_PROGRAM = "/usr/bin/id";

/** The user that a program of root's runs as. */
async function userOf(choice: Choice): Promise<string> {
  const way = await safeWay(ROOTS_PROGRAM, {}, choice);
  const { text, failure } = await way.run(ASK_USER);
  assertEquals(failure, undefined);
  return text.trimEnd();
}

/** Runs with the cell of an unprivileged process. */
async function withCell(use: (cell: Cell) => Promise<void>): Promise<void> {
  const process = new Deno.Command("setpriv", {
    args: [
      ...[`--reuid=${USER}`, `--regid=${USER}`, "--clear-groups"],
      ...["/bin/sh", "-c", "echo; read _"],
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = process.stdout.getReader();
  try {
    await reader.read(); // it is that user's
    const { world, anchors: opened } = await worldOf(process.pid);
    using anchors = opened;
    const means = { self: cprctlWords(), strict: true };
    await use(new Cell(world, anchors.place, means));
  } finally {
    await process.stdin.close();
    await reader.cancel();
    await process.status;
  }
}

Deno.test({
  name: "a program of root's runs as root only if the operator named it",
  ignore,
  fn: () =>
    withCell(async (cell) => {
      assertEquals(await userOf({ cell, namedByOperator: true }), "0");
      assertEquals(await userOf({ cell, namedByOperator: false }), USER);
    }),
});

Deno.test({
  name: "without a cell, no program of the VM's choosing is run",
  ignore,
  async fn() {
    const cell = undefined;
    assertEquals(await userOf({ cell, namedByOperator: true }), "0");
    await assertRejects(
      () => userOf({ cell, namedByOperator: false }),
      UpdateProblem,
      "the VM chose it",
    );
  },
});

Deno.test({
  name: "another user's cprctl runs its user's programs",
  ignore: Deno.uid() === 0,
  async fn() {
    const choice = { cell: undefined, namedByOperator: false };
    assertEquals(await userOf(choice), `${Deno.uid()}`);
  },
});
