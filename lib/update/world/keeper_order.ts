import type { Cgroups } from "../process/cgroups.ts";
import type { MappedModule } from "../process/modules.ts";
import type { World } from "./world.ts";

/**
 * What the keeper is told at its start, as JSON in a memfd. The numbers are
 * descriptors that it was given.
 */
export interface KeeperOrder {
  /** Where the old process was. */
  readonly world: World;
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

/** The word that makes this program the keeper; for itself alone. */
export const KEEPER_WORD = "keep-vm-memory";

/** What a descriptor is for: in CPR state, or at a number. */
export type Held =
  | { readonly name: string; readonly id: number }
  | { readonly number: number };

/**
 * What is said to a keeper, one JSON object a line.
 *
 * ```
 * hold   the descriptors come beside it, in this order
 * lend   answer with what another keeper needs, and keep it as well
 * go     become the old program
 * end    the memory is not needed any more
 * ```
 */
export type KeeperRequest =
  | { readonly do: "hold"; readonly held: readonly Held[] }
  | { readonly do: "lend" }
  | { readonly do: "go" }
  | { readonly do: "end" };

/**
 * The answer to `lend`. Beside it come the executable, the working directory,
 * the namespaces and the modules; in lines after it what is held, as `hold` has
 * it.
 */
export type KeeperLoan = Pick<KeeperOrder, "world" | "groups" | "argv"> & {
  readonly modules: readonly ModuleName[];
  /** How many descriptors come in the lines after it. */
  readonly held: number;
};

/** One of those lines. */
export interface LoanPart {
  readonly held: readonly Held[];
}

/** The first thing that a keeper says on each connection. */
export interface KeeperGreeting {
  readonly pid: number;
  /** What it could not be given of the VM's place, and why. */
  readonly problems: readonly string[];
}
