/** The new program, asked what it is and what it knows. @module */

import { isSameForUs, moduleVariables } from "../programs/safe_run.ts";
import { printedBy, ProbeError } from "../programs/probe.ts";
import { asObject } from "../vm/reply.ts";
import {
  type CheckContext,
  type Finding,
  listed,
  ok,
  type PreflightCheck,
  quoted,
  refuse,
  skipped,
} from "./check.ts";

/** The first release of QEMU with cpr-exec. */
const FIRST = { major: 10, minor: 2 };

/** The embedded machine runs on cprctl itself. */
export const NOT_QEMU = skipped("the VM is not QEMU's");

const NO_PROGRAM = skipped("there is no new program to ask");

/** A program that a VM chose runs in the VM's confinement only. */
export const NO_CONFINEMENT = skipped(
  "nothing can be run in the VM's confinement here",
);

const VERSION = ["-version"];
const QEMU = /^QEMU emulator version (\d+)\.(\d+)/;

const REMEDY = "Name a QEMU 10.2 or later of the same target with --binary";

/** The new program is a QEMU that knows cpr-exec. */
export const newProgram: PreflightCheck = {
  id: "new-program",
  async run(context) {
    const obstacle = await obstacleToRunning(context);
    if (obstacle !== undefined) return obstacle;
    try {
      return judgeVersion(context.binary, await print(context, VERSION));
    } catch (error) {
      if (!(error instanceof ProbeError)) throw error;
      return refuse(error.message, REMEDY);
    }
  },
};

function judgeVersion(binary: string, printed: string): Finding {
  const [, major, minor] = QEMU.exec(printed) ?? [];
  if (major === undefined || minor === undefined) {
    return refuse(`${quoted(binary)} is not a QEMU`, REMEDY);
  }
  const [line = ""] = printed.split("\n");
  const knows = Number(major) > FIRST.major ||
    (Number(major) === FIRST.major && Number(minor) >= FIRST.minor);
  return knows
    ? ok(line)
    : refuse(`The new program does not know cpr-exec: ${line}`, REMEDY);
}

/** The new program has the VM's machine type. */
export const newMachine: PreflightCheck = {
  id: "new-machine",
  run(context) {
    const { machine } = context.facts;
    return machine === undefined
      ? skipped("the VM does not tell its machine type")
      : requireListed(context, "machine", machine);
  },
};

/** The new program has every type of device, vCPU and object in use. */
export const newDevices: PreflightCheck = {
  id: "new-devices",
  async run(context) {
    const { inventory, running } = context;
    const types = new Set(
      (await inventory.devices()).map(({ type }) => type),
    );
    for (const cpu of await inventory.list("query-cpus-fast")) {
      if (typeof cpu["qom-type"] === "string") types.add(cpu["qom-type"]);
    }
    const objects = running.all("object", "qom-type");
    const devices = await judgePrinted(
      context,
      ["-device", "help"],
      (printed) => requireTypes([...types], deviceNames(printed)),
    );
    if (devices.verdict !== "ok" || objects.length === 0) return devices;
    return await judgePrinted(
      context,
      ["-object", "help"],
      (printed) => requireTypes(objects, firstWords(printed)),
    );
  },
};

/** The new program has the accelerator in use. */
export const newAccelerator: PreflightCheck = {
  id: "new-accelerator",
  async run(context) {
    const { facts, inventory } = context;
    if (facts.program !== "QEMU") return NOT_QEMU;
    const { enabled } = asObject(await inventory.ask("query-kvm"));
    const accelerator = enabled === true ? "kvm" : "tcg";
    return await requireListed(context, "accelerator", accelerator);
  },
};

/** Options whose "help" lists what a program has. */
const LISTING = { machine: "-machine", accelerator: "-accel" } as const;

function requireListed(
  context: CheckContext,
  kind: keyof typeof LISTING,
  name: string,
): Promise<Finding> {
  const thing = `${kind} ${quoted(name)}`;
  return judgePrinted(
    context,
    [LISTING[kind], "help"],
    (printed) =>
      firstWords(printed).has(name)
        ? ok(`the new program has ${thing}`)
        : refuse(`The new program has no ${thing}`, REMEDY),
  );
}

function requireTypes(
  types: readonly string[],
  known: ReadonlySet<string>,
): Finding {
  const unknown = types.filter((type) => !known.has(type));
  return unknown.length === 0
    ? ok("the new program has every type of device in use")
    : refuse(`The new program does not know ${listed(unknown)}`, REMEDY);
}

/** The first word of each line, as in lists of machines and objects. */
function firstWords(printed: string): ReadonlySet<string> {
  return new Set(
    printed.split("\n").map((line) => line.trim().split(/\s/)[0] ?? ""),
  );
}

/** Devices and their aliases: `name "virtio-blk-pci", bus PCI, alias "…"`. */
function deviceNames(printed: string): ReadonlySet<string> {
  return new Set(
    [...printed.matchAll(/\b(?:name|alias) "([^"]+)"/g)]
      .map(([, name = ""]) => name),
  );
}

/**
 * A finding about what the new program prints. One that tells its version and
 * then fails cannot run a VM either: its modules may be another build's.
 */
async function judgePrinted(
  context: CheckContext,
  options: readonly string[],
  judge: (printed: string) => Finding,
): Promise<Finding> {
  const obstacle = await obstacleToAsking(context);
  if (obstacle !== undefined) return obstacle;
  try {
    return judge(await print(context, options));
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error;
    return refuse(error.message, REMEDY);
  }
}

/** Why the new program cannot be asked anything; undefined if it can. */
export async function obstacleToAsking(
  context: CheckContext,
): Promise<Finding | undefined> {
  return await obstacleToRunning(context) ??
    await unlessItFails(async () =>
      QEMU.test(await print(context, VERSION)) ? undefined : NO_PROGRAM
    );
}

/** The check "new-program" reports that it cannot be run, or is no QEMU. */
async function unlessItFails<Result>(
  ask: () => Promise<Result>,
): Promise<Result | Finding> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof ProbeError) return NO_PROGRAM;
    throw error;
  }
}

/** @throws {ProbeError} when it cannot be run, fails, or does not end */
function print(
  { binary, sandbox, namedByOperator }: CheckContext,
  options: readonly string[],
): Promise<string> {
  const variables = moduleVariables(sandbox);
  return printedBy(binary, options, { sandbox, namedByOperator, variables });
}

/** Why the new program cannot be run here; undefined if it can. */
async function obstacleToRunning(
  { binary, sandbox, facts, files, namedByOperator }: CheckContext,
): Promise<Finding | undefined> {
  if (facts.program !== "QEMU") return NOT_QEMU;
  const theirs = await files.stat(binary);
  if (theirs?.isFile !== true) return NO_PROGRAM;
  if (!await isSameForUs(binary, theirs.identity)) {
    return skipped("the VM has mounts of its own: its program cannot run here");
  }
  const mayRun = namedByOperator || sandbox !== undefined || Deno.uid() !== 0;
  return mayRun ? undefined : NO_CONFINEMENT;
}
