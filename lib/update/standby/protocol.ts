import type { Cgroups } from "../../proc/cgroup.ts";
import type { MappedModule } from "../process/modules.ts";
import type { ProcessContext } from "./process_context.ts";

/**
 * The input of a standby, as JSON in a memfd. The numbers are descriptors that
 * it inherits.
 */
export interface StandbyOrder {
  /** The context of the VM's process. */
  readonly context: ProcessContext;
  /** The control groups to enter at the start. */
  readonly groups: Cgroups;
  /** The old program's command line, with -incoming. */
  readonly argv: readonly string[];
  readonly executable: number;
  readonly cwd: number;
  /** In the order in which they are entered. */
  readonly namespaces: readonly number[];
  /** The modules that the executable had loaded. */
  readonly modules: readonly ModuleOrder[];
  /** A unix socket that listens at `path`. */
  readonly listener: number;
  readonly path: string;
}

/** A module's name and path; another file may be at the path now. */
export type ModuleName = Pick<MappedModule, "name" | "path">;

/** A module with the descriptor of its file. */
type ModuleOrder = ModuleName & { readonly file: number };

/** The role of a descriptor: in CPR state, or at a fixed number. */
export type Role =
  | { readonly name: string; readonly id: number }
  | { readonly number: number };

/**
 * A request to a standby, one JSON object a line.
 *
 * ```
 * hold       take the descriptors that come with the line, in this order
 * duplicate  reply with everything that another standby needs, and keep it
 * go         become the old program
 * end        exit: the preserved descriptors are no longer needed
 * ```
 */
export type StandbyRequest =
  | { readonly do: "hold"; readonly roles: readonly Role[] }
  | { readonly do: "duplicate" }
  | { readonly do: "go" }
  | { readonly do: "end" };

/**
 * The reply to `duplicate`. With it come the descriptors of the executable, the
 * working directory, the namespaces and the modules; with the following lines
 * the preserved descriptors, as in `hold`.
 */
export type StandbyHoldings =
  & Pick<StandbyOrder, "context" | "groups" | "argv">
  & {
    readonly modules: readonly ModuleName[];
    /** Number of descriptors that come with the following lines. */
    readonly count: number;
  };

/** One of the following lines. */
export interface HoldingsPart {
  readonly roles: readonly Role[];
}

/** The first line from a standby on each connection. */
export interface StandbyGreeting {
  readonly pid: number;
  /** The parts of the process context that it could not take on, and why. */
  readonly problems: readonly string[];
}

/**
 * The input of that subcommand, as JSON in a memfd. The numbers are descriptors
 * that it inherits.
 */
export interface SandboxOrder {
  readonly context: ProcessContext;
  /** Whether to fail if the program cannot be confined like the VM. */
  readonly strict: boolean;
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Null for argv[0]. */
  readonly executable: number | null;
  readonly cwd: number;
  /** In the order in which they are entered. */
  readonly namespaces: readonly number[];
  /** For the modules of the running program; null for argv[0]. */
  readonly moduleFolder: string | null;
  readonly modules: readonly ModuleOrder[];
}
