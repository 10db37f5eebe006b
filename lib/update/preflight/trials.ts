/**
 * Both programs are tried before the VM is touched: the old one as a rollback
 * would start it, the new one with the new command line.
 *
 * @module
 */

import { clipped } from "../../inert.ts";
import type { CommandLine } from "../command/command_line.ts";
import {
  type Answers,
  type Candidate,
  type TrialEnd,
  tryProgram,
} from "../programs/trial.ts";
import type { Sandbox } from "../standby/sandbox.ts";
import { text } from "../vm/reply.ts";
import {
  type CheckContext,
  type Finding,
  listed,
  ok,
  type PreflightCheck,
  quoted,
  refuse,
  warn,
} from "./check.ts";
import { NO_CONFINEMENT, NOT_QEMU, obstacleToAsking } from "./new_program.ts";

/** A program repeats its complaint for every module and option. */
const MAX_LINE = 500;

const MEMORY_REMEDY = "Check that the VM's control group has memory left " +
  "for a second QEMU to start";

/** The old program starts again if the VM has to be rolled back. */
export const wayBack: PreflightCheck = {
  id: "way-back",
  async run(context) {
    if (context.facts.program !== "QEMU") return NOT_QEMU;
    if (!hasSandbox(context)) return NO_CONFINEMENT;
    const end = await tryOldProgram(context);
    const remedy = "Restart the VM, or put the old program's files back " +
      "where they were";
    if (end.failure !== undefined) {
      return failedTrial("The old program does not start again", end, remedy);
    }
    const { answers } = end;
    const lost = (await typesInUse(context))
      .filter((type) => answers.properties(type) === undefined);
    const [first] = lost;
    return first === undefined
      ? ok("the old program would start again in a rollback")
      : refuse(
        `The old program no longer knows ${listed(lost)}: ` +
          oneLine(answers.complaint(first) ?? ""),
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
    if (!hasSandbox(context)) return NO_CONFINEMENT;
    const remedy = "Restart the VM without that option, or name another QEMU " +
      "with --binary";
    const [old, end] = await Promise.all([
      tryOldProgram(context),
      tryNewProgram(context),
    ]);
    if (end.failure !== undefined) {
      const what = "The new program does not accept its options";
      return failedTrial(what, end, remedy);
    }
    const unknown = await unknownKeys(context, old.answers, end.answers);
    return unknown.length === 0
      ? ok("the new program knows every option and property in use")
      : refuse(`The new program does not know ${unknown.join("; ")}`, remedy);
  },
};

type ConfinedContext = CheckContext & { readonly sandbox: Sandbox };

export function hasSandbox(context: CheckContext): context is ConfinedContext {
  return context.sandbox !== undefined;
}

function failedTrial(what: string, end: TrialEnd, remedy: string): Finding {
  const detail = `${what}: ${oneLine(end.failure ?? "")}`;
  return end.killed === true
    ? warn(detail, MEMORY_REMEDY)
    : refuse(detail, remedy);
}

/** What a program said, in one line of limited length. */
function oneLine(said: string): string {
  return clipped(said.trim().replaceAll(/\s*\n\s*/g, "; "), MAX_LINE);
}

const oldTrials = new WeakMap<CheckContext, Promise<TrialEnd>>();
const newTrials = new WeakMap<CheckContext, Promise<TrialEnd>>();

/** Tries the old program once for all checks of a VM. */
function tryOldProgram(context: ConfinedContext): Promise<TrialEnd> {
  return oldTrials.getOrInsertComputed(
    context,
    () => tryCandidate({ argv: context.oldArgv, isRunning: true }, context),
  );
}

/** Tries the new program once for all checks of a VM. */
export function tryNewProgram(context: ConfinedContext): Promise<TrialEnd> {
  return newTrials.getOrInsertComputed(
    context,
    () =>
      tryCandidate({ argv: context.command.argv, isRunning: false }, context),
  );
}

async function tryCandidate(
  candidate: Candidate,
  context: ConfinedContext,
): Promise<TrialEnd> {
  const questions = {
    types: [
      ...await typesInUse(context),
      ...(await propertiesInUse(context)).map(({ type }) => type),
    ],
    netdevs: netdevUses(context.next).length > 0,
  };
  return await tryProgram(candidate, questions, context.facts, context.sandbox);
}

/** The types that the VM has now: its machine, devices and objects. */
async function typesInUse(
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

async function propertiesInUse(
  { facts, inventory, next }: CheckContext,
): Promise<OptionUse[]> {
  const [cpu] = await inventory.list("query-cpus-fast");
  return [
    ...propertyUses(next, facts.machine),
    ...cpuUses(next, text(cpu?.["qom-type"])),
  ];
}

/** What the old program knows and the new one does not. */
async function unknownKeys(
  context: ConfinedContext,
  old: Answers,
  next: Answers,
): Promise<string[]> {
  const missing = (
    known: (answers: Answers, type: string) => ReadonlySet<string> | undefined,
  ) =>
  (use: OptionUse): string[] => {
    // Keys that neither program lists are ones that both handle specially.
    const [before, after] = [known(old, use.type), known(next, use.type)];
    if (before === undefined) return [];
    if (after === undefined) return [use.name];
    const keys = use.keys.filter((key) => before.has(key) && !after.has(key));
    return keys.map((key) => `${quoted(key)} of ${use.name}`);
  };
  return [
    ...(await propertiesInUse(context)).flatMap(
      missing((answers, type) => answers.properties(type)),
    ),
    ...netdevUses(context.next).flatMap(
      missing((answers, kind) => answers.netdevOptions(kind)),
    ),
  ];
}

/**
 * The keys that one use of an option sets: properties of a type, or options of
 * a network backend. A program checks all other options when it reads them.
 */
export interface OptionUse {
  /** As people write it, such as `-device "virtio-net-pci"`. */
  readonly name: string;
  /** A QOM type; or the kind of a network backend. */
  readonly type: string;
  readonly keys: readonly string[];
}

/** Keys of -device that are no properties. */
const OF_DEVICE = ["driver", "id", "bus"];
const OF_NETDEV = ["type", "id"];

/** Uses of -device, -accel and -machine. */
export function propertyUses(
  line: CommandLine,
  machine: string | undefined,
): OptionUse[] {
  return [
    ...usesOf(line, "device", "driver", OF_DEVICE),
    ...usesOf(line, "accel", "accel", ["accel"])
      .map((use) => ({ ...use, type: `${use.type}-accel` })),
    ...machine === undefined ? [] : line.values("machine").map((value) => ({
      name: "-machine",
      type: `${machine}-machine`,
      keys: value.entries.map(({ key }) => key).filter((it) => it !== "type"),
    })),
  ];
}

/** Uses of features of the vCPUs. */
export function cpuUses(
  line: CommandLine,
  type: string | undefined,
): OptionUse[] {
  if (type === undefined) return [];
  return line.texts("cpu").map((value) => {
    const [model = "", ...features] = value.split(",");
    const keys = features.map((it) =>
      (it.split("=")[0] ?? "").replace(/^[+-]/, "")
    );
    return { name: `-cpu "${model}"`, type, keys };
  });
}

/** Uses of -netdev. */
export function netdevUses(line: CommandLine): OptionUse[] {
  return usesOf(line, "netdev", "type", OF_NETDEV);
}

function usesOf(
  line: CommandLine,
  option: string,
  typeKey: string,
  without: readonly string[],
): OptionUse[] {
  return line.values(option).flatMap((value) => {
    const type = value.get(typeKey);
    if (type === undefined) return [];
    const keys = value.entries.map(({ key }) => key)
      .filter((key) => !without.includes(key));
    return [{ name: `-${option} "${type}"`, type, keys }];
  });
}
