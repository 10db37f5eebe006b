/** What a preflight check is, and how it words its finding. @module */

import { clipped } from "../../inert.ts";
import type { Json, QmpClient } from "../../qmp/mod.ts";
import type { Carried } from "../carry/carried.ts";
import type { CommandLine } from "../command/command_line.ts";
import type { ProcessFiles } from "../../proc/process_files.ts";
import type { Choice } from "../programs/safe_run.ts";
import { ALLOW_WEAKER, type Seccomp } from "../standby/confinement.ts";
import type { Way } from "../command/way.ts";
import type { Facts } from "../vm/facts.ts";
import type { Inventory } from "../vm/inventory.ts";

/** The update that is to be checked. */
export interface PreflightContext extends Choice, Way {
  readonly client: QmpClient;
  readonly facts: Facts;
  /** The VM's domain, if libvirt manages it and its daemon is stopped. */
  readonly domain?: string | undefined;
  /** How what was changed at run time is carried over. */
  readonly carried: Carried;
  /** The command line that starts the old program again in a rollback. */
  readonly oldArgv: readonly string[];
  /** Path of the new program. */
  readonly binary: string;
  /** The seccomp filters of the VM's process. */
  readonly seccomp: Seccomp;
  /** Whether a VM may be less confined after a rollback than it was. */
  readonly allowWeakerConfinement: boolean;
  /** In milliseconds; a VM that would be stopped for longer is refused. */
  readonly maxDowntimeMs?: number | undefined;
}

/** What the checks predict of the update; null where they cannot tell. */
export interface Prediction {
  downtimeMs: number | null;
}

/** What a check may use. It must not change the VM. */
export interface CheckContext extends PreflightContext {
  readonly inventory: Inventory;
  readonly files: ProcessFiles;
  /** The command line that makes the VM, with what is carried over. */
  readonly running: CommandLine;
  /** The command line that it is to be started with. */
  readonly next: CommandLine;
  readonly predicted: Prediction;
}

/** A check and its verdict, as it is reported. */
export interface Check {
  /** Stable, kebab-case. */
  readonly id: string;
  readonly verdict: "ok" | "warn" | "refuse" | "skipped";
  readonly detail: string;
  readonly remedy: string | null;
}

/** Where the preflight is. */
export interface CheckProgress {
  readonly id: string;
  /** From 1 to `total`. */
  readonly number: number;
  readonly total: number;
}

/** Is told where the preflight is. */
export type CheckObserver = (progress: CheckProgress) => void;

/** What a check found; if something is wrong, also what to do about it. */
export type Finding =
  | { readonly verdict: "ok" | "skipped"; readonly detail: string }
  | {
    readonly verdict: "warn" | "refuse";
    readonly detail: string;
    /** One imperative sentence. */
    readonly remedy: string;
  };

/** One check of the preflight. */
export interface PreflightCheck<Context = CheckContext> {
  /** Stable, kebab-case: part of the report. */
  readonly id: string;
  run(context: Context): Finding | Promise<Finding>;
}

export function ok(detail: string): Finding {
  return { verdict: "ok", detail };
}

export function skipped(detail: string): Finding {
  return { verdict: "skipped", detail };
}

export function warn(detail: string, remedy: string): Finding {
  return { verdict: "warn", detail, remedy };
}

export function refuse(detail: string, remedy: string): Finding {
  return { verdict: "refuse", detail, remedy };
}

/**
 * The VM would be less confined after a rollback than it is: refused, unless
 * the operator accepts that.
 */
export function weaker(
  { allowWeakerConfinement }: Pick<CheckContext, "allowWeakerConfinement">,
  detail: string,
  remedy: string,
): Finding {
  return allowWeakerConfinement
    ? warn(detail, remedy)
    : refuse(detail, `${remedy}; or accept it with ${ALLOW_WEAKER}`);
}

type Words<Context> = string | ((context: Context) => string);
/** A phrase for each problem; a boolean where `detail` says everything. */
type Found = boolean | Iterable<string>;

/** A check that looks for problems, and lists all that it finds. */
interface ProblemSearch<Context> {
  readonly id: string;
  /** The verdict if it finds anything; default: refuse. */
  readonly verdict?: "warn" | "refuse";
  /** The detail if it finds nothing. */
  readonly ok: Words<Context>;
  /** Comes before the list of what it found; or puts that in a sentence. */
  readonly detail?: string | ((found: string) => string);
  readonly remedy: Words<Context>;
  find(context: Context): Found | Promise<Found> | AsyncIterable<string>;
}

/** Makes a check of a search for problems. */
export function problemCheck<Context = CheckContext>(
  { id, verdict = "refuse", find, detail, ...words }: ProblemSearch<Context>,
): PreflightCheck<Context> {
  return {
    id,
    async run(context) {
      const say = (it: Words<Context>) =>
        typeof it === "string" ? it : it(context);
      const found = await find(context);
      const phrases = typeof found === "boolean"
        ? []
        : await Array.fromAsync(found);
      if (found !== true && phrases.length === 0) return ok(say(words.ok));
      const list = phrases.length === 0 ? [] : [joined(phrases)];
      return {
        verdict,
        detail: typeof detail === "function"
          ? detail(list.join())
          : [detail ?? [], list].flat().join(": "),
        remedy: say(words.remedy),
      };
    },
  };
}

/** A VM must not be able to make a report longer. */
const MAX_DETAIL = 4000;

/** A check's finding, in the form of the report. */
export function reported(id: string, finding: Finding): Check {
  const detail = clipped(finding.detail, MAX_DETAIL);
  return { id, remedy: null, ...finding, detail };
}

/** A longer list would hide what matters. */
const MAX_LISTED = 5;
/** A path may have 4096 bytes. */
const MAX_NAME = 200;

/** A name that the VM chose, for use in a sentence; empty if it is no text. */
export function quoted(name: Json | undefined): string {
  return `"${clipped(typeof name === "string" ? name : "", MAX_NAME)}"`;
}

/** Several names: `"a", "b" and 3 more`. */
export function listed(names: readonly string[]): string {
  return joined(names.map(quoted));
}

/** Several phrases: `x, y and 3 more`. */
export function joined(phrases: readonly string[]): string {
  const more = phrases.length - MAX_LISTED;
  const shown = phrases.slice(0, MAX_LISTED).join(", ");
  return more > 0 ? `${shown} and ${more} more` : shown;
}
