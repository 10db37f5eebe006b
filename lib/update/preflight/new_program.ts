/**
 * The new program: a file that the kernel can execute, asked what it is and
 * what it knows.
 *
 * @module
 */

import { knowsCprExec, type Program } from "../vm/facts.ts";
import type { Fd } from "../../../ffi/fd.ts";
import { openForeignFile } from "../../../ffi/foreign_file.ts";
import {
  type Check,
  type CheckContext,
  type Finding,
  listed,
  ok,
  type PreflightCheck,
  quoted,
  refuse,
  skipped,
} from "./check.ts";
import { isSameForUs, moduleVariables } from "../programs/safe_run.ts";
import { printedBy, ProbeError } from "../programs/probe.ts";
import { asObject } from "../vm/reply.ts";

const EXECUTABLE_BITS = 0o111;
const BINARY_REMEDY = "Name an executable file for this host with --binary";

/**
 * The new program is a file that the kernel can execute. A file that is
 * executable by its mode only is run by execvp as a shell script, whatever is
 * in it: the VM's process would become a shell with a syntax error.
 *
 * ```
 *   7f 45 4c 46  class data ... | e_type e_machine      ELF
 *   "#!" interpreter [argument] newline                 script
 * ```
 */
export const newBinary: PreflightCheck = {
  id: "new-binary",
  async run(context) {
    const { binary, files } = context;
    const name = quoted(binary);
    if (!binary.startsWith("/")) {
      return refuse(
        `New binary ${name} is not an absolute path, and the VM has another ` +
          "working directory",
        "Use an absolute path",
      );
    }
    // The VM may have other mounts than we.
    const info = await files.stat(binary);
    if (info === undefined) {
      return refuse(
        `The new binary ${name} does not exist, as the VM sees its files`,
        BINARY_REMEDY,
      );
    }
    if (!isExecutable(info)) {
      return refuse(
        `New binary ${name} is not an executable file`,
        BINARY_REMEDY,
      );
    }
    return await checkFormat(context);
  },
};

async function checkFormat(
  { binary, facts, files }: CheckContext,
): Promise<Finding> {
  const name = quoted(binary);
  using program = files.openToRead(binary);
  const format = readFormat(program);
  if (format.kind === "neither") {
    return refuse(
      `New binary ${name} is neither ELF nor a script`,
      BINARY_REMEDY,
    );
  }
  if (format.kind === "script") {
    const interpreter = await files.stat(format.interpreter);
    return interpreter !== undefined && isExecutable(interpreter)
      ? ok(`${name} is a script for "${format.interpreter}"`)
      : refuse(
        `New binary ${name} is a script, but its interpreter ` +
          `${quoted(format.interpreter)} cannot be executed`,
        BINARY_REMEDY,
      );
  }
  using old = openForeignFile(`/proc/${facts.pid}/exe`, { followLink: true });
  const running = readFormat(old);
  return running.kind === "elf" && running.machine !== format.machine
    ? refuse(`New binary ${name} is for another architecture`, BINARY_REMEDY)
    : ok(`${name} is executable`);
}

function isExecutable(info: Deno.FileInfo): boolean {
  return info.isFile && ((info.mode ?? 0) & EXECUTABLE_BITS) !== 0;
}

/** The kernel reads no more of a script's first line. */
const HEAD_BYTES = 256;
const ELF_MAGIC = [0x7f, 0x45, 0x4c, 0x46];
/** Offsets in an ELF header: class, byte order and machine. */
const ELF_IDENTITY = [4, 5, 18, 19];

/** What a file is to the kernel. */
export type ExecutableFormat =
  /** `machine` differs between machines. */
  | { readonly kind: "elf"; readonly machine: string }
  | { readonly kind: "script"; readonly interpreter: string }
  | { readonly kind: "neither" };

function readFormat(file: Fd): ExecutableFormat {
  const head = new Uint8Array(HEAD_BYTES);
  return executableFormat(head.subarray(0, file.read(head)));
}

/** What kind of executable a file is, by its first bytes. */
export function executableFormat(head: Uint8Array): ExecutableFormat {
  if (ELF_MAGIC.every((byte, at) => head[at] === byte)) {
    const machine = ELF_IDENTITY.map((at) => head[at] ?? 0).join("-");
    return { kind: "elf", machine };
  }
  const [line = ""] = new TextDecoder().decode(head).split("\n");
  const interpreter = /^#![ \t]*([^ \t]+)/.exec(line)?.[1];
  return interpreter === undefined
    ? { kind: "neither" }
    : { kind: "script", interpreter };
}

/** The embedded machine runs on cprctl itself. */
export const NOT_QEMU = skipped("the VM does not run on QEMU");

const NO_PROGRAM = skipped("there is no new program to ask");

/** A program that a VM chose runs in the VM's confinement only. */
export const NO_CONFINEMENT = skipped(
  "nothing can be run in the VM's confinement here",
);

const VERSION = ["-version"];
const VERSION_OF = /^QEMU emulator version ([\d.]+)(?: \((.+)\))?/;
const QEMU = /^QEMU emulator version (\d+)\.(\d+)/;

const REMEDY = "Name a QEMU 10.2 or later of the same target with --binary";

/** The new program is a QEMU that supports cpr-exec. */
export const newProgram: PreflightCheck = {
  id: "new-program",
  run: async (context) =>
    await obstacleToRunning(context) ??
      await judge(context, VERSION, (it) => judgeVersion(context.binary, it)),
};

/** The version and package that the new program told; null if not asked. */
export function versionTold(
  checks: readonly Check[],
): Pick<Program, "version" | "package"> {
  const told = checks.find(({ id }) => id === newProgram.id);
  const [, version = null, packaged = null] =
    told?.verdict === "ok" && VERSION_OF.exec(told.detail) || [];
  return { version, package: packaged };
}

function judgeVersion(binary: string, printed: string): Finding {
  const [, major, minor] = QEMU.exec(printed) ?? [];
  if (major === undefined || minor === undefined) {
    return refuse(`${quoted(binary)} is not a QEMU`, REMEDY);
  }
  const [line = ""] = printed.split("\n");
  const knows = knowsCprExec({ major: Number(major), minor: Number(minor) });
  return knows
    ? ok(line)
    : refuse(`The new program does not support cpr-exec: ${line}`, REMEDY);
}

/** The new program has the VM's machine type. */
export const newMachine: PreflightCheck = {
  id: "new-machine",
  run(context) {
    const { machine } = context.facts;
    return machine === undefined
      ? skipped("the VM does not report its machine type")
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
 * A finding about what the new program prints. One that prints its version and
 * then fails cannot run a VM either: its modules may be another build's.
 */
async function judgePrinted(
  context: CheckContext,
  options: readonly string[],
  find: (printed: string) => Finding,
): Promise<Finding> {
  return await obstacleToAsking(context) ??
    await judge(context, options, find);
}

async function judge(
  context: CheckContext,
  options: readonly string[],
  find: (printed: string) => Finding,
): Promise<Finding> {
  try {
    return find(await print(context, options));
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error;
    return refuse(error.message, REMEDY);
  }
}

/** Why the new program cannot be asked anything; undefined if it can. */
export async function obstacleToAsking(
  context: CheckContext,
): Promise<Finding | undefined> {
  const obstacle = await obstacleToRunning(context);
  if (obstacle !== undefined) return obstacle;
  try {
    const isQemu = QEMU.test(await print(context, VERSION));
    return isQemu ? undefined : NO_PROGRAM;
  } catch (error) {
    // The check "new-program" reports that it cannot be run, or is no QEMU.
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
