/** What can go wrong in an update, and what has to come of it. */

import type { Recovery } from "../../../lib/update/recover/recover.ts";
import type { Outcome } from "../../../lib/update/error.ts";
import type { PhaseName } from "../../../lib/update/phase.ts";
import type { Machine } from "../../../testing/qemu/mod.ts";
import type { Fixture } from "../../../testing/update/fixture.ts";

/** Something that a fault does. */
export type Action = (fixture: Fixture) => void | Promise<void>;

/** Where the VM is in the end. */
export type VmLocation =
  /** Runs on the program that it ran on before. */
  | "old"
  /** Runs on the new program. */
  | "new"
  /** Has no process any more: the fault itself ended it. */
  | "ended";

/** One way in which an update may end. */
export interface Expected {
  readonly outcome: Outcome | "none";
  readonly vm: VmLocation;
  /** What the error, or a warning, says to a person. */
  readonly says: RegExp;
  /** What `cprctl recover` is to make of it; without it, it is not called. */
  readonly recovery?: {
    readonly outcome: Recovery["outcome"];
    readonly vm: VmLocation;
    readonly says: RegExp;
  };
}

/** A row of the fault table. */
export interface Fault {
  /** The fault, as the table names it. */
  readonly name: string;
  /** When it is injected, as the table says it. */
  readonly when: string;
  /** More arguments of the VM. */
  readonly extra?: readonly string[];
  /** What the update is given; plenty unless it has to run out. */
  readonly timeoutMs?: number;
  /** Runs in a process of its own, which the fault may end. */
  readonly apart?: true;
  /** Needs root. */
  readonly root?: true;
  /** Before the update. */
  readonly before?: Action;
  /** As a phase begins; the update waits for it. */
  readonly at?: Readonly<Partial<Record<PhaseName, Action>>>;
  /** After the update, before the VM is looked at. */
  readonly after?: Action;
  /** Any of them is right; a fault at any moment has no certain end. */
  readonly expected: readonly Expected[] | "whatever is true";
  /** Whether it may take away all that there is of the VM. */
  readonly mayEnd?: boolean;
  /** Whether a machine can meet this fault; every one unless given. */
  readonly fits?: (machine: Machine) => boolean;
  /** Part of the short form. */
  readonly short?: true;
}

/** Exit codes by outcome, as docs/formats/report.md promises them. */
export const EXIT_CODES: Readonly<Record<Outcome, number>> = {
  "updated": 0,
  "up-to-date": 0,
  "would-update": 0,
  "shut-down": 0,
  "refused": 3,
  "rolled-back": 4,
  "needs-person": 5,
};
