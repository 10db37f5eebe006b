/** Runs the preflight against a real machine. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { VhostNet } from "../../lib/update/process/vhost_net.ts";
import { readLiveProcess } from "../../lib/update/command/draft.ts";
import { carryOver } from "../../lib/update/carry/carry.ts";
import { newCommand } from "../../lib/update/command/new_command.ts";
import { preflight } from "../../lib/update/preflight/preflight.ts";
import type { Check } from "../../lib/update/preflight/check.ts";
import { gatherFacts } from "../../lib/update/vm/facts.ts";
import {
  PinnedContext,
  readContext,
} from "../../lib/update/standby/process_context.ts";
import { Sandbox } from "../../lib/update/standby/sandbox.ts";
import { cprctlWords } from "../../testing/program/program.ts";
import type { VirtualMachine } from "../../testing/qemu/mod.ts";

/** What the preflight may not change. */
const SETTINGS = [
  "query-status",
  "query-migrate-capabilities",
  "query-migrate-parameters",
];

/** What the preflight is told that is not so. */
interface Pretence {
  readonly argv?: (words: readonly string[]) => readonly string[];
}

/** What the VM is looked at with. */
interface Means extends Pretence {
  /** Whether programs run that are the VM's choice, or not root's alone. */
  readonly inSandbox?: true;
}

/**
 * Every check's finding for moving a machine to a program, by id. Asserts that
 * the machine is as it was before.
 */
export async function preflightOf(
  vm: VirtualMachine,
  binary: string,
  { argv = (words) => words, inSandbox }: Means = {},
): Promise<Map<string, Check>> {
  await using client = await vm.monitor();
  const settings = () =>
    Promise.all(SETTINGS.map((query) => client.execute(query)));
  const before = await settings();
  const known = await gatherFacts(client);
  const facts = { ...known, argv: argv(known.argv) };
  const live = await readLiveProcess(facts.pid, new VhostNet());
  const carried = await carryOver(client, facts, live);
  const command = newCommand(
    { ...facts, argv: carried.argv },
    live,
    binary,
  );
  const context = await readContext(facts.identity, cprctlWords());
  using pinned = await PinnedContext.open(facts.identity, context);
  const sandbox = inSandbox === undefined
    ? undefined
    : new Sandbox(context, pinned.files, { self: cprctlWords(), strict: true });
  const { checks } = await preflight({
    mode: "cpr-exec",
    ...{ client, facts, carried, command, binary, sandbox },
    oldArgv: known.argv,
    seccomp: context.seccomp,
    namedByOperator: true,
    allowWeakerConfinement: false,
  });
  assertEquals(await settings(), before, "The preflight changed the VM");
  return new Map(checks.map((check) => [check.id, check]));
}

/** Asserts that one check refuses, and that its words name the thing. */
export function assertRefuses(
  checks: ReadonlyMap<string, Check>,
  id: string,
  ...names: readonly string[]
): void {
  assertVerdict(checks, id, "refuse", names);
}

/** Asserts that one check warns, and that its words name the thing. */
export function assertWarns(
  checks: ReadonlyMap<string, Check>,
  id: string,
  ...names: readonly string[]
): void {
  assertVerdict(checks, id, "warn", names);
}

/** Asserts how much of what was changed at run time is carried over. */
export function assertCarries(
  checks: ReadonlyMap<string, Check>,
  what: string,
): void {
  assertStringIncludes(checks.get("carried-over")?.detail ?? "", what);
}

/** Asserts that no check refuses or warns but those that are named. */
export function assertNothingElse(
  checks: ReadonlyMap<string, Check>,
  ...expected: readonly string[]
): void {
  const others = [...checks.values()]
    .filter(({ id }) => !expected.includes(id))
    .filter(({ verdict }) => verdict === "refuse" || verdict === "warn");
  assertEquals(others, []);
}

function assertVerdict(
  checks: ReadonlyMap<string, Check>,
  id: string,
  verdict: Check["verdict"],
  names: readonly string[],
): void {
  const check = checks.get(id);
  assert(check !== undefined, `There is no check "${id}"`);
  assertEquals(check.verdict, verdict, `${id}: ${check.detail}`);
  for (const name of names) assertStringIncludes(check.detail, name);
  assert((check.remedy ?? "").length > 0, `${id} has no remedy`);
}
