import {
  type FileIdentity,
  identityAt,
  isGone,
  isSameIdentity,
} from "../../process/proc.ts";
import { asObject } from "../../vm/reply.ts";
import type { CheckContext, Finding } from "../check.ts";
import { ok, type PreflightCheck, refuse, skipped } from "../check.ts";
import { listed, quoted } from "../wording.ts";
import { printedBy, ProbeError } from "./program_probe.ts";
import { ownModules } from "./safe_run.ts";

/** The first release of QEMU with cpr-exec. */
const FIRST = { major: 10, minor: 2 };

/** The embedded machine runs on this very program. */
const NOT_QEMU = skipped("the VM is not QEMU's");

const NO_PROGRAM = skipped("there is no new program to ask");

/** A program that a VM chose runs nowhere else. */
export const NO_CELL = skipped(
  "nothing can be run in the VM's confinement here",
);

const VERSION = ["-version"];
const QEMU = /^QEMU emulator version (\d+)\.(\d+)/;

const REMEDY = "Name a QEMU 10.2 or later of the same target with --binary";

/** The new program is a QEMU that knows cpr-exec. */
export const newProgram: PreflightCheck = {
  id: "new-program",
  run: (context) =>
    probed(context, VERSION, (printed) => {
      const [, major, minor] = QEMU.exec(printed) ?? [];
      if (major === undefined || minor === undefined) {
        return refuse(`${quoted(context.binary)} is not a QEMU`, REMEDY);
      }
      const [line = ""] = printed.split("\n");
      const knows = Number(major) > FIRST.major ||
        (Number(major) === FIRST.major && Number(minor) >= FIRST.minor);
      return knows ? ok(line) : refuse(
        `The new program does not know cpr-exec: ${line}`,
        REMEDY,
      );
    }),
};

/** The new program has the VM's machine type. */
export const newMachine: PreflightCheck = {
  id: "new-machine",
  run(context) {
    const { machine } = context.facts;
    if (machine === undefined) {
      return Promise.resolve(skipped("the VM does not tell its machine type"));
    }
    return probed(
      context,
      ["-machine", "help"],
      (printed) =>
        firstWords(printed).has(machine)
          ? ok(`the new program has machine ${quoted(machine)}`)
          : refuse(
            `The new program has no machine ${quoted(machine)}`,
            REMEDY,
          ),
    );
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
    const devices = await probed(
      context,
      ["-device", "help"],
      (printed) => missing([...types], namesIn(printed)),
    );
    if (devices.verdict !== "ok" || objects.length === 0) return devices;
    return await probed(
      context,
      ["-object", "help"],
      (printed) => missing(objects, firstWords(printed)),
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
    return await probed(
      context,
      ["-accel", "help"],
      (printed) =>
        firstWords(printed).has(accelerator)
          ? ok(`the new program has accelerator ${quoted(accelerator)}`)
          : refuse(
            `The new program has no accelerator ${quoted(accelerator)}`,
            REMEDY,
          ),
    );
  },
};

/** A finding about what the new program prints. */
async function probed(
  context: CheckContext,
  options: readonly string[],
  judge: (printed: string) => Finding,
): Promise<Finding> {
  const obstacle = await obstacleToRunning(context);
  if (obstacle !== undefined) return obstacle;
  const { binary, sandbox, namedByOperator } = context;
  try {
    // A program that is none is told once.
    if (options !== VERSION && !await isQemu(context)) return NO_PROGRAM;
    return judge(
      await printedBy(binary, options, {
        ...{ sandbox, namedByOperator },
        variables: ownModules(sandbox),
      }),
    );
  } catch (error) {
    if (!(error instanceof ProbeError)) throw error;
    return options === VERSION ? refuse(error.message, REMEDY) : NO_PROGRAM;
  }
}

/**
 * Whether the new program says that it is a QEMU.
 *
 * @throws {ProbeError} when it cannot be run, fails, or does not end
 */
async function isQemu(context: CheckContext): Promise<boolean> {
  const { binary, sandbox, namedByOperator } = context;
  const variables = ownModules(sandbox);
  const options = { sandbox, namedByOperator, variables };
  return QEMU.test(await printedBy(binary, VERSION, options));
}

/** Why the new program cannot be asked anything; undefined where it can. */
export async function obstacleToAsking(
  context: CheckContext,
): Promise<Finding | undefined> {
  const obstacle = await obstacleToRunning(context);
  if (obstacle !== undefined) return obstacle;
  try {
    return await isQemu(context) ? undefined : NO_PROGRAM;
  } catch (error) {
    if (error instanceof ProbeError) return NO_PROGRAM;
    throw error;
  }
}

/** Why the new program cannot be run here; undefined where it can. */
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
  return mayRun ? undefined : NO_CELL;
}

/** Whether a path leads us to this file, as it leads the VM. */
export async function isSameForUs(
  path: string,
  theirs: FileIdentity,
): Promise<boolean> {
  try {
    await Deno.stat(path);
    return isSameIdentity(identityAt(path), theirs);
  } catch (error) {
    if (isGone(error)) return false;
    throw error;
  }
}

function missing(
  types: readonly string[],
  known: ReadonlySet<string>,
): Finding {
  const unknown = types.filter((type) => !known.has(type));
  return unknown.length === 0
    ? ok("the new program has every type of device in use")
    : refuse(`The new program does not know ${listed(unknown)}`, REMEDY);
}

/** The first word of each line, as lists of machines and objects have it. */
function firstWords(printed: string): ReadonlySet<string> {
  return new Set(
    printed.split("\n").map((line) => line.trim().split(/\s/)[0] ?? ""),
  );
}

/** Devices and their aliases: `name "virtio-blk-pci", bus PCI, alias "…"`. */
function namesIn(printed: string): ReadonlySet<string> {
  return new Set(
    [...printed.matchAll(/\b(?:name|alias) "([^"]+)"/g)].map((it) =>
      it[1] ?? ""
    ),
  );
}
