import { assertEquals, assertRejects } from "@std/assert";
import type { BriefRun } from "../../../lib/brief_run.ts";
import { type Choice, safeWay } from "../../../lib/update/programs/safe_run.ts";
import { UpdateProblem } from "../../../lib/update/error.ts";
import { Sandbox } from "../../../lib/update/standby/sandbox.ts";
import { cprctlWords } from "../../../testing/program/program.ts";
import { contextOf } from "../standby/context_of.ts";

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

/** Runs with the sandbox of an unprivileged process. */
async function withSandbox(
  use: (sandbox: Sandbox) => Promise<void>,
): Promise<void> {
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
    const { context, pinned: opened } = await contextOf(process.pid);
    using pinned = opened;
    const means = { self: cprctlWords(), strict: true };
    await use(new Sandbox(context, pinned.files, means));
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
    withSandbox(async (sandbox) => {
      assertEquals(await userOf({ sandbox, namedByOperator: true }), "0");
      assertEquals(await userOf({ sandbox, namedByOperator: false }), USER);
    }),
});

Deno.test({
  name: "without a sandbox, no program of the VM's choosing is run",
  ignore,
  async fn() {
    const sandbox = undefined;
    assertEquals(await userOf({ sandbox, namedByOperator: true }), "0");
    await assertRejects(
      () => userOf({ sandbox, namedByOperator: false }),
      UpdateProblem,
      "the VM chose it",
    );
  },
});

Deno.test({
  name: "another user's cprctl runs its user's programs",
  ignore: Deno.uid() === 0,
  async fn() {
    const choice = { sandbox: undefined, namedByOperator: false };
    assertEquals(await userOf(choice), `${Deno.uid()}`);
  },
});
