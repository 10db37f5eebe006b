/**
 * Both programs tried before the VM is touched: the old one as a rollback would
 * start it, the new one with the new command line.
 *
 * @module
 */

import { asObject, text } from "../../vm/reply.ts";
import type { Sandbox } from "../../standby/sandbox.ts";
import type { CheckContext, Finding } from "../check.ts";
import { ok, type PreflightCheck, refuse, skipped, warn } from "../check.ts";
import { listed, quoted } from "../wording.ts";
import { NO_CELL, obstacleToAsking } from "./new_program.ts";
import {
  cpuUses,
  netdevUses,
  type OptionUse,
  propertyUses,
} from "./option_uses.ts";
import { type Candidate, type TrialEnd, tryOut } from "./trial.ts";
import type { Answers, Questions } from "./trial_questions.ts";

/** What a program complains of, it repeats with every module and option. */
const MAXIMUM_WORDS = 500;

const NOT_QEMU = skipped("the VM is not QEMU's");
const MEMORY_REMEDY = "See whether the VM's control group has memory left " +
  "for a second QEMU that starts";

/** The old program starts again if the VM has to be put back. */
export const wayBack: PreflightCheck = {
  id: "way-back",
  async run(context) {
    if (context.facts.program !== "QEMU") return NOT_QEMU;
    if (!mayTry(context)) return NO_CELL;
    const end = await oldTrial(context);
    const remedy = "Restart the VM, or put the old program's files back " +
      "where they were";
    if (end.failure !== undefined) {
      return failed("The old program does not start again", end, remedy);
    }
    const { answers } = end;
    const lost = (await typesOfVm(context))
      .filter((type) => answers.properties(type) === undefined);
    const [first] = lost;
    return first === undefined
      ? ok("the old program starts again if the VM has to be put back")
      : refuse(
        `The old program no longer knows ${listed(lost)}: ` +
          quotedWords(answers.complaint(first) ?? ""),
        remedy,
      );
  },
};

/** The new program knows every option and property of its command line. */
export const newOptions: PreflightCheck = {
  id: "new-options",
  async run(context) {
    const obstacle = await obstacleToAsking(context);
    if (obstacle !== undefined) return obstacle;
    if (!mayTry(context)) return NO_CELL;
    const remedy = "Restart the VM without that option, or name another QEMU " +
      "with --binary";
    const [old, end] = await Promise.all([
      oldTrial(context),
      newTrial(context),
    ]);
    if (end.failure !== undefined) {
      return failed("The new program does not take its options", end, remedy);
    }
    const unknown = await unknownKeys(context, old.answers, end.answers);
    return unknown.length === 0
      ? ok("the new program knows every option and property in use")
      : refuse(`The new program does not know ${unknown.join("; ")}`, remedy);
  },
};

type ConfinedContext = CheckContext & { readonly sandbox: Sandbox };

function mayTry(context: CheckContext): context is ConfinedContext {
  return context.sandbox !== undefined;
}

function failed(what: string, end: TrialEnd, remedy: string): Finding {
  const detail = `${what}: ${quotedWords(end.failure ?? "")}`;
  return end.killed === true
    ? warn(detail, MEMORY_REMEDY)
    : refuse(detail, remedy);
}

function quotedWords(said: string): string {
  const words = said.trim().replaceAll(/\s*\n\s*/g, "; ");
  return words.length > MAXIMUM_WORDS
    ? `${words.slice(0, MAXIMUM_WORDS)}…`
    : words;
}

const trials = new WeakMap<CheckContext, Promise<TrialEnd>>();

/** Once for the checks of a VM. */
async function oldTrial(context: ConfinedContext): Promise<TrialEnd> {
  const known = trials.get(context);
  if (known !== undefined) return await known;
  const candidate = { argv: context.oldArgv, isRunning: true };
  const trial = asked(candidate, context);
  trials.set(context, trial);
  return await trial;
}

function newTrial(context: ConfinedContext): Promise<TrialEnd> {
  return asked({ argv: context.command.argv, isRunning: false }, context);
}

async function asked(
  candidate: Candidate,
  context: ConfinedContext,
): Promise<TrialEnd> {
  const questions: Questions = {
    types: [
      ...await typesOfVm(context),
      ...(await uses(context)).map(({ type }) => type),
    ],
    netdevs: netdevUses(context.next).length > 0,
  };
  return await tryOut(candidate, questions, context);
}

async function uses({ facts, inventory, next }: CheckContext) {
  const [cpu] = await inventory.list("query-cpus-fast");
  return [
    ...propertyUses(next, facts.machine),
    ...cpuUses(next, text(asObject(cpu ?? {})["qom-type"])),
  ];
}

/** Types that the VM has now: devices and objects. */
async function typesOfVm(
  { facts, inventory, running }: CheckContext,
): Promise<string[]> {
  const devices = (await inventory.devices()).map(({ type }) => type);
  const machine = facts.machine === undefined
    ? []
    : [`${facts.machine}-machine`];
  return [
    ...new Set([...machine, ...devices, ...running.all("object", "qom-type")]),
  ];
}

/** What the old program knows, and the new one does not. */
async function unknownKeys(
  context: ConfinedContext,
  old: Answers,
  next: Answers,
): Promise<string[]> {
  const missing = (
    known: (answers: Answers, type: string) => ReadonlySet<string> | undefined,
  ) =>
  (use: OptionUse): string[] => {
    // A key that neither lists is one that both treat in a way of their own.
    const [before, after] = [known(old, use.type), known(next, use.type)];
    if (before === undefined) return [];
    if (after === undefined) return [use.name];
    const keys = use.keys.filter((key) => before.has(key) && !after.has(key));
    return keys.map((key) => `${quoted(key)} of ${use.name}`);
  };
  return [
    ...(await uses(context)).flatMap(
      missing((answers, type) => answers.properties(type)),
    ),
    ...netdevUses(context.next).flatMap(
      missing((answers, kind) => answers.netdevOptions(kind)),
    ),
  ];
}
