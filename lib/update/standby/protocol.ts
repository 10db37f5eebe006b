import type { Cgroups } from "../../proc/cgroup.ts";
import type { MappedModule } from "../process/modules.ts";
import type { ProcessContext } from "./process_context.ts";

/**
 * What the standby is told at its start, as JSON in a memfd. The numbers are
 * descriptors that it was given.
 */
export interface StandbyOrder {
  /** Where the old process was. */
  readonly context: ProcessContext;
  /** The control groups to enter at once. */
  readonly groups: Cgroups;
  /** The old program's command line, made to wait for its state. */
  readonly argv: readonly string[];
  readonly executable: number;
  readonly cwd: number;
  /** In the order of entering. */
  readonly namespaces: readonly number[];
  /** What the executable had loaded. */
  readonly modules: readonly ModuleOrder[];
  /** A unix socket that listens at `path`. */
  readonly listener: number;
  readonly path: string;
}

/** A module's name and path, which has another file by now perhaps. */
export type ModuleName = Pick<MappedModule, "name" | "path">;

/** A module, and the descriptor of its file. */
export type ModuleOrder = ModuleName & { readonly file: number };

/** The word that makes this program the standby; for itself alone. */
export const STANDBY_WORD = "standby";

/** What a descriptor is for: in CPR state, or at a number. */
export type Role =
  | { readonly name: string; readonly id: number }
  | { readonly number: number };

/**
 * What is said to a standby, one JSON object a line.
 *
 * ```
 * hold       the descriptors come beside it, in this order
 * duplicate  answer with what another standby needs, and keep it as well
 * go         become the old program
 * end        the preserved descriptors are not needed any more
 * ```
 */
export type StandbyRequest =
  | { readonly do: "hold"; readonly roles: readonly Role[] }
  | { readonly do: "duplicate" }
  | { readonly do: "go" }
  | { readonly do: "end" };

/**
 * The answer to `duplicate`. Beside it come the executable, the working
 * directory, the namespaces and the modules; in the lines after it the preserved
 * descriptors, as in `hold`.
 */
export type StandbyHoldings =
  & Pick<StandbyOrder, "context" | "groups" | "argv">
  & {
    readonly modules: readonly ModuleName[];
    /** How many descriptors come in the lines after it. */
    readonly count: number;
  };

/** One of those lines. */
export interface HoldingsPart {
  readonly roles: readonly Role[];
}

/** The first thing that a standby says on each connection. */
export interface StandbyGreeting {
  readonly pid: number;
  /** What it could not be given of the VM's place, and why. */
  readonly problems: readonly string[];
}
