/**
 * What was changed in a VM at run time, and how the next program gets it again.
 * Plain data.
 *
 * @module
 */

import type { JsonObject } from "../../qmp/mod.ts";
import type { CommandChange } from "../command/draft.ts";

/** A command for a program that waits for the VM's state. */
export interface CarriedCommand {
  readonly execute: string;
  readonly arguments: JsonObject;
  /** Number of the VM's descriptor that is sent with it. */
  readonly descriptor?: number;
}

/** The descriptors of the VM that are sent with commands. */
export function sentDescriptors(commands: readonly CarriedCommand[]): number[] {
  return commands.flatMap(({ descriptor }) => descriptor ?? []);
}

/** How the next program gets the VM as it is now, not as it was started. */
export interface Carried {
  /** The running command line, changed so that it makes the present VM. */
  readonly argv: readonly string[];
  /** How it differs from the running one. */
  readonly changes: readonly CommandChange[];
  /** What arguments cannot say, in order: sent before the state is loaded. */
  readonly commands: readonly CarriedCommand[];
  /** QOM paths of the devices that were plugged in and are carried. */
  readonly devices: ReadonlySet<string>;
  /** Names on the command line of block nodes with a generated name. */
  readonly nodes: ReadonlyMap<string, string>;
  /** Why something cannot be carried, by its id or QOM path. */
  readonly obstacles: ReadonlyMap<string, string>;
  /** What the VM may lose because QEMU does not report it, in phrases. */
  readonly unknown: readonly string[];
}

/** Nothing is carried: the VM is taken to be that of its command line. */
export function nothingCarried(argv: readonly string[]): Carried {
  return {
    argv,
    changes: [],
    commands: [],
    devices: new Set(),
    nodes: new Map(),
    obstacles: new Map(),
    unknown: [],
  };
}
