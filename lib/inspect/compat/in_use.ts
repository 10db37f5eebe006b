/** The devices of a VM, from its stream or its monitor. @module */

import {
  type DecodedStruct,
  isStruct,
} from "../../migration/stream/decoded.ts";
import { Command } from "../../migration/stream/framing.ts";
import { hasLayout } from "../../migration/stream/layouts/layouts.ts";
import { inspect, type InspectedSection } from "../inspection.ts";
import {
  type Json,
  type QmpAddress,
  QmpClient,
  showAddress,
} from "../../qmp/mod.ts";
import { InspectError } from "../error.ts";
import { openInput } from "../open_input.ts";
import { type LargeQueue, largeQueues } from "./queues.ts";

/** A section in a stream, or several that look the same. */
export interface SentSection {
  readonly version: number;
  /** Names of its fields; undefined if the stream does not have them. */
  readonly fields: ReadonlySet<string> | undefined;
  /** Versions of all subsections, also those of nested structs. */
  readonly subsections: ReadonlyMap<string, number>;
}

/** The device types of a VM, or its descriptions by name. */
export type InUse =
  | { readonly types: ReadonlySet<string> }
  | {
    readonly sections: ReadonlyMap<string, readonly SentSection[]>;
    readonly queues?: readonly LargeQueue[];
    /** Whether the command SWITCHOVER_START was sent. */
    readonly startsSwitchover?: boolean;
  };

/** The descriptions in a stream. */
export function sectionsInUse(sections: readonly InspectedSection[]): InUse {
  const found = new Map<string, SentSection[]>();
  for (const { name, version, state } of sections) {
    const struct = state !== undefined && isStruct(state) ? state : undefined;
    // Without VMState only the last part of the section's name is known.
    const vmsd = struct?.vmsd ?? name.slice(name.lastIndexOf("/") + 1);
    const fields = struct === undefined
      ? undefined
      : new Set(struct.fields.map(({ name }) => name.replace(NUMBERED, "")));
    const sent = { version: struct?.version ?? version, fields };
    const alike = found.get(vmsd) ?? [];
    found.set(vmsd, alike);
    const before = alike.find((it) => isAlike(it, sent));
    const subsections = new Map(before?.subsections);
    if (struct !== undefined) collectSubsections(struct, subsections);
    if (before !== undefined) alike.splice(alike.indexOf(before), 1);
    alike.push({ ...sent, subsections });
  }
  return { sections: found, queues: largeQueues(sections) };
}

/** QEMU's suffix for a name that occurs twice in a description. */
const NUMBERED = /\[\d+\]$/;

type Shape = Pick<SentSection, "version" | "fields">;

function isAlike(a: Shape, b: Shape): boolean {
  if (a.version !== b.version) return false;
  if (a.fields === undefined || b.fields === undefined) {
    return a.fields === b.fields;
  }
  return a.fields.size === b.fields.size && a.fields.isSubsetOf(b.fields);
}

function collectSubsections(
  struct: DecodedStruct,
  into: Map<string, number>,
): void {
  for (const { type, value } of struct.fields) {
    // No dump has what is inside.
    if (hasLayout(type)) continue;
    for (const part of Array.isArray(value) ? value : [value]) {
      if (isStruct(part)) collectSubsections(part, into);
    }
  }
  for (const sub of struct.subsections) {
    into.set(sub.vmsd, Math.max(sub.version, into.get(sub.vmsd) ?? 0));
    collectSubsections(sub, into);
  }
}

/**
 * The types in the human monitor's `info qom-tree`: each line is an object's
 * name and, in parentheses, its type.
 */
export function typesInUse(lines: readonly string[]): InUse {
  const types = new Set<string>();
  for (const line of lines) {
    const type = /\(([^()]+)\)\s*$/.exec(line)?.[1];
    if (type !== undefined) types.add(type);
  }
  return { types };
}

/** A VM with its devices. */
export interface NamedVm {
  /** Versioned machine type; undefined if not known. */
  readonly machine: string | undefined;
  readonly inUse: InUse;
}

const TIMEOUT_MS = 10_000;

/**
 * The VM whose stream is in a file.
 *
 * @throws {InspectError} when the file is not a stream
 * @throws {MigrationStreamError} when the stream is damaged
 */
export async function vmOfStream(path: string): Promise<NamedVm> {
  using input = await openInput(path);
  const inspection = inspect(input);
  if (inspection.format !== "migration-stream") {
    throw new InspectError(
      "unknown-format",
      `Cannot find the devices in "${path}": it is CPR state`,
      { remedy: "Give the file of the migration stream" },
    );
  }
  const { decoded, sections, problem } = inspection;
  if (problem !== undefined) throw problem;
  if (decoded.vmdesc === undefined) {
    throw new InspectError(
      "undescribed",
      `Cannot find the devices in "${path}": it has no vmdesc`,
    );
  }
  const { machine } = decoded.configuration ?? {};
  const startsSwitchover = decoded.records.some((record) =>
    record.type === "command" && record.command === Command.SWITCHOVER_START
  );
  return { machine, inUse: { ...sectionsInUse(sections), startsSwitchover } };
}

/**
 * The VM whose monitor listens at an address.
 *
 * @throws {QmpError} when it does not answer
 */
export async function vmOfMonitor(address: QmpAddress): Promise<NamedVm> {
  const patience = { timeoutMs: TIMEOUT_MS };
  await using client = await QmpClient.connect(address, patience);
  const ask = (command: string, args: { [name: string]: Json }) =>
    client.execute(command, args, patience);
  const type = await ask("qom-get", { path: "/machine", property: "type" });
  const tree = await ask("human-monitor-command", {
    "command-line": "info qom-tree",
  });
  const inUse = typesInUse(typeof tree === "string" ? tree.split("\n") : []);
  if (!("types" in inUse) || inUse.types.size === 0) {
    throw new InspectError(
      "no-devices",
      `Cannot find the devices of the VM at "${showAddress(address)}": its ` +
        "monitor does not have info qom-tree",
    );
  }
  return {
    machine: typeof type === "string"
      ? type.replace(/-machine$/, "")
      : undefined,
    inUse,
  };
}
