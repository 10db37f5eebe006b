/**
 * What a VM has to be started with so that it can be updated, judged by its
 * command line alone: nothing is run, and no monitor is asked.
 *
 * @module
 */

import { CmdlineError } from "../../cmdline/mod.ts";
import { globExpression } from "../../glob.ts";
import { printable } from "../../inert.ts";
import { ifThere } from "../../gone.ts";
import { CommandLine } from "../command/command_line.ts";
import {
  deniesSpawn,
  domainObstaclesOn,
  isOfLibvirt,
  type Obstacle,
  obstaclesOn,
} from "../command/obstacles.ts";
import { domainNeeds } from "../libvirt/needs.ts";
import { domainOf } from "../libvirt/domain.ts";
import { sharingOptions } from "../command/shared_ram.ts";
import { monitorObstacle, monitorSockets } from "../host/monitors.ts";
import { findVmProcesses, type VmProcess } from "../host/processes.ts";
import { readService, type Service, unitProblem } from "../process/service.ts";
import { sealedText } from "../report/sealed.ts";
import { managerOf, monitorFolder, type Place } from "./managers.ts";

/** Raised when a field changes its meaning or goes away. */
export const PREPARE_SCHEMA = 1;

/** A VM and what it needs; snake_case, as `--json` prints it. */
export interface PreparedVm {
  /** Null for a command line that does not run. */
  readonly pid: number | null;
  readonly name: string | null;
  readonly manager: string;
  /** Whether nothing on its command line prevents an update. */
  readonly ready: boolean;
  readonly needs: readonly { readonly code: string; readonly text: string }[];
  readonly add: readonly Place[];
}

/** VMs and what they need. */
export interface PrepareDocument {
  readonly schema: typeof PREPARE_SCHEMA;
  readonly vms: readonly PreparedVm[];
  /** Number of further VMs that belong to other users. */
  readonly unreadable: number;
}

/** Judges the VMs of this host whose names match. */
export async function prepareVms(pattern?: string): Promise<PrepareDocument> {
  const { found, unreadable } = await findVmProcesses();
  const judged: (PreparedVm | undefined)[] = [];
  for (const process of found) {
    const judging = readService(process.pid)
      .then((service) => judge({ ...process, service }));
    judged.push(await ifThere(judging)); // it may have ended
  }
  const wanted = globExpression(pattern ?? "*");
  const vms = judged.filter((it) => it !== undefined)
    .filter(({ name }) => wanted.test(name ?? ""));
  return { schema: PREPARE_SCHEMA, vms, unreadable };
}

/** Judges a command line. */
export function prepareCommand(argv: readonly string[]): PrepareDocument {
  const vm = judge({ argv, program: "QEMU" });
  return { schema: PREPARE_SCHEMA, vms: [vm], unreadable: 0 };
}

interface Subject extends Pick<VmProcess, "argv" | "program"> {
  readonly pid?: number;
  readonly service?: Service | undefined;
}

function judge({ pid, argv, program, service }: Subject): PreparedVm {
  const subject = { pid: pid ?? null, name: null, manager: "unknown" };
  let line: CommandLine;
  try {
    line = CommandLine.guess(program, argv);
    return { ...subject, ...judgeLine(line, pid, service) };
  } catch (error) {
    if (!(error instanceof CmdlineError)) throw error;
    const needs = [{ code: "command-line", text: sealedText(error.message) }];
    return { ...subject, ready: false, needs, add: [] };
  }
}

function judgeLine(
  line: CommandLine,
  pid: number | undefined,
  service: Service | undefined,
): Omit<PreparedVm, "pid"> {
  const name = line.values("name").at(-1)?.get("guest");
  const manager = managerOf({ line, name, unit: service?.name });
  if (isOfLibvirt(line)) return judgeDomain(line, manager.name, name, pid);
  const sockets = monitorSockets(line);
  const monitor = monitorObstacle(sockets) ??
    (manager.holdsMonitor && sockets.length < 2
      ? { code: "qmp-busy", text: `${manager.name} holds its only monitor` }
      : undefined);
  const needs: Obstacle[] = [...obstaclesOn(line)];
  if (monitor !== undefined) needs.push(monitor);
  const sharing = sharingOptions(line);
  const words = [
    ...sharing.add,
    ...deniesSpawn(line) ? ["-sandbox", "on,spawn=allow"] : [],
    ...monitor === undefined ? [] : ["-qmp", newMonitor(line, name)],
  ];
  const add: Place[] = [];
  // What follows a line feed would be a line of the VM's own.
  const isPlain = [name ?? "", ...words, ...sharing.change]
    .every((it) => printable(it) === it);
  if (!isPlain) {
    const text = "its options have control characters: nothing can be added";
    needs.push({ code: "command-line", text });
  }
  if (isPlain && words.length > 0 && manager.file !== null) {
    add.push({ file: manager.file, lines: manager.lines(words) });
  }
  if (isPlain && sharing.change.length > 0 && manager.isEditable) {
    add.push({
      file: `${manager.file}, in place of the options with these ids`,
      lines: manager.lines(sharing.change),
    });
  }
  const problem = service === undefined ? undefined : unitProblem(service);
  if (service !== undefined && problem !== undefined) {
    needs.push({ code: "service", text: problem.detail });
    add.push(
      manager.unit ?? {
        file: `/etc/systemd/system/${service.name}.d/cprctl.conf`,
        lines: ["[Service]", "ExitType=cgroup"],
      },
    );
  }
  return {
    name: name === undefined ? null : sealedText(name),
    manager: manager.name,
    ready: needs.length === 0,
    needs: needs.map(({ code, text }) => ({ code, text: sealedText(text) })),
    add: add.map(({ file, lines }) => ({
      file: sealedText(file),
      lines: lines.map(sealedText),
    })),
  };
}

/** libvirt takes most of it in XML. */
function judgeDomain(
  line: CommandLine,
  manager: string,
  name: string | undefined,
  pid: number | undefined,
): Omit<PreparedVm, "pid"> {
  const lacks = domainNeeds(line);
  const known = new Set(lacks.map(({ code }) => code));
  const isOurs = pid === undefined || domainOf(name ?? "", pid) !== undefined;
  const others = isOurs ? domainObstaclesOn(line) : obstaclesOn(line);
  const needs = [
    ...lacks.map(({ code, why }) => ({ code, text: `it ${why}` })),
    ...[...others].filter(({ code }) => !known.has(code)),
  ];
  return {
    name: name === undefined ? null : sealedText(name),
    manager,
    ready: needs.length === 0,
    needs: needs.map(({ code, text }) => ({ code, text: sealedText(text) })),
    add: lacks.map(({ text, file }) => ({ file, lines: [text] })),
  };
}

const SAFE = /^[\w.-]+$/;

function newMonitor(line: CommandLine, name = ""): string {
  const folder = monitorFolder(line) ?? "/run";
  const file = SAFE.test(name) ? name : "vm";
  return `unix:${folder}/${file}.qmp,server=on,wait=off`;
}
