/** A monitor that answers what a test wants, and a VM behind it. */

import { assertEquals } from "@std/assert";
import {
  anything,
  command,
  type Json,
  type JsonObject,
  optional,
  QmpClient,
  QmpServer,
} from "../../../lib/qmp/mod.ts";
import { nothingCarried } from "../../../lib/update/carry/carried.ts";
import type { Deadline } from "../../../lib/update/deadline.ts";
import { newCommand } from "../../../lib/update/command/new_command.ts";
import type {
  Check,
  PreflightContext,
} from "../../../lib/update/preflight/check.ts";
import { preflight } from "../../../lib/update/preflight/preflight.ts";
import type { Facts } from "../../../lib/update/vm/facts.ts";
import { Sandbox } from "../../../lib/update/standby/sandbox.ts";
import { factsOf, NOTHING_LIVE } from "../command/vm.ts";
import { readSeccomp } from "../../../lib/update/standby/confinement.ts";
import { cprctlWords } from "../../../testing/program/program.ts";
import { contextOf } from "../standby/context_of.ts";

/** Answers by the commands' names. */
export type Answers = Readonly<
  Record<string, Json | ((args: JsonObject) => Json)>
>;

const CONNECT_MS = 5_000;
/** Arguments that any of the preflight's questions has. */
const ARGUMENTS = Object.fromEntries(
  [
    ...["path", "property", "flat", "command-line", "mode", "capabilities"],
  ].map((name) => [name, optional(anything())]),
);

/** The findings about a VM whose process is this very test. */
export async function findings(
  answers: Answers,
  words: readonly string[] = [],
  more: Partial<Facts> & Partial<Pick<PreflightContext, "binary">> & {
    readonly descriptors?: readonly number[];
    /** A descriptor that is sent with a command. */
    readonly sent?: number;
    /** Whether programs run that are the VM's choice. */
    readonly inSandbox?: true;
    readonly deadline?: Deadline;
  } = {},
): Promise<Map<string, Check>> {
  const folder = await Deno.makeTempDir();
  const address = { path: `${folder}/qmp.sock` };
  const server = new QmpServer({
    version: { major: 11, minor: 1, micro: 2, package: "" },
    commands: new Map(
      Object.entries(answers).map(([name, answer]) => [
        name,
        command(ARGUMENTS, (args) => {
          const given = args as JsonObject;
          return typeof answer === "function" ? answer(given) : answer;
        }),
      ]),
    ),
  });
  try {
    server.listen(address);
    await using client = await QmpClient.connect(address, {
      timeoutMs: CONNECT_MS,
    });
    const {
      descriptors,
      sent,
      inSandbox,
      deadline,
      binary = "/nonexistent",
      ...known
    } = more;
    using own = inSandbox === undefined ? undefined : await ownSandbox();
    const facts = factsOf(words, { address, pid: Deno.pid, ...known });
    const made = newCommand(facts, NOTHING_LIVE, binary);
    const begun: string[] = [];
    const { checks } = await preflight(
      {
        mode: "cpr-exec",
        client,
        facts,
        carried: {
          ...nothingCarried(facts.argv),
          commands: sent === undefined ? [] : [{
            execute: "getfd",
            arguments: { fdname: "sent" },
            descriptor: sent,
          }],
        },
        binary,
        oldArgv: made.argv,
        sandbox: own?.sandbox,
        namedByOperator: true,
        seccomp: await readSeccomp(facts.pid, cprctlWords()),
        allowWeakerConfinement: false,
        command: descriptors === undefined ? made : { ...made, descriptors },
      },
      ({ id, number }) => begun[number - 1] = id,
      deadline,
    );
    assertEquals(begun, checks.map(({ id }) => id));
    return new Map(checks.map((check) => [check.id, check]));
  } finally {
    await server.close();
    await Deno.remove(folder, { recursive: true });
  }
}

/** Where this very process is. */
async function ownSandbox(): Promise<
  Disposable & { readonly sandbox: Sandbox }
> {
  const { context, pinned } = await contextOf(Deno.pid);
  const means = { self: cprctlWords(), strict: true };
  return {
    sandbox: new Sandbox(context, pinned.files, means),
    [Symbol.dispose]: () => pinned[Symbol.dispose](),
  };
}
