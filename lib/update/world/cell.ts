/**
 * The VM's own confinement, for a program that is not to be trusted: it is
 * where the VM is and as whom the VM is, with no more rights, and without those
 * that a program could gain.
 *
 * ```
 * cprctl ─ pid namespace, session ─▶ this program again ─ cell ─▶ the program
 * ```
 *
 * @module
 */

import type { Child } from "../../../ffi/child.ts";
import { OsError } from "../../../ffi/libc.ts";
import { getLimit } from "../../../ffi/limits.ts";
import { createMemfd } from "../../../ffi/memfd.ts";
import { spawn, type SpawnOptions } from "../../../ffi/spawn.ts";
import { CPR_EXEC_STATE } from "../../cpr/mod.ts";
import { CELL_WORD, type CellOrder } from "./cell_order.ts";
import { isReplaced } from "../process/modules.ts";
import type { Place } from "./estate.ts";
import type { World } from "./world.ts";

/** What to start in a cell. */
export interface CellStart {
  /** The program, looked for as the VM would, and what it is told. */
  readonly argv: readonly string[];
  /** Execute the VM's running program, whatever `argv[0]` says. */
  readonly runningProgram?: boolean;
  /**
   * Of this user alone: that program finds the modules there that it loaded, as
   * after a rollback, if other files have taken their places.
   */
  readonly moduleFolder?: string;
  /** All of its environment. */
  readonly environment: Readonly<Record<string, string>>;
  /**
   * What it has open, below 512: the number there, and the descriptor here. Why
   * it could not be confined is said at 2.
   */
  readonly descriptors: ReadonlyMap<number, number>;
}

/** Above the numbers that a program is given. */
const FIRST_OWN = 512;

/** How a cell is made. */
export interface CellMeans {
  /** The words that start cprctl. */
  readonly self: readonly string[];
  /** Whether nothing runs where it cannot be confined as the VM is. */
  readonly strict: boolean;
}

/** Where programs of a VM's choosing may run. */
export class Cell {
  readonly #world: World;
  readonly #place: Place;
  readonly #means: CellMeans;

  constructor(world: World, place: Place, means: CellMeans) {
    this.#world = world;
    this.#place = place;
    this.#means = means;
  }

  /**
   * Whose the cell is: what a program says there may be another thing in
   * another one. Who shares all of this with a VM can do to its programs what
   * that VM can; no other VM is told what a program said in this one's cell.
   */
  get key(): string {
    const { credentials, namespaces, root, label, cgroups } = this.#world;
    return JSON.stringify([credentials, namespaces, root, label, cgroups]);
  }

  /** Whether other files have taken the places of the VM's modules. */
  get lacksModules(): boolean {
    return this.#place.modules.some(isReplaced);
  }

  /** What a program finds that the VM executes, but for a hand-over's. */
  get environment(): Readonly<Record<string, string>> {
    const { [CPR_EXEC_STATE]: _state, ...others } = this.#world.environment;
    return others;
  }

  /**
   * Starts a program in the cell, as the leader of a session. With the child
   * ends all that it started, as far as the host has pid namespaces; its process
   * group in any case, if that is killed.
   *
   * @throws {OsError} when cprctl itself cannot be started
   */
  start(what: CellStart): Child {
    const descriptors = new Map(what.descriptors);
    let next = FIRST_OWN;
    const give = (number: number): number => {
      descriptors.set(next, number);
      return next++;
    };
    const { executable, cwd, namespaces, modules } = this.#place;
    const { moduleFolder } = what;
    using memfd = createMemfd("cprctl-cell");
    const order: CellOrder = {
      world: this.#world,
      strict: this.#means.strict,
      argv: what.argv,
      environment: what.environment,
      executable: what.runningProgram === true ? give(executable.number) : null,
      cwd: give(cwd.number),
      namespaces: namespaces.map(({ number }) => give(number)),
      moduleFolder: moduleFolder ?? null,
      modules: moduleFolder === undefined
        ? []
        : modules.map(({ name, path, file }) => ({
          ...{ name, path },
          file: give(file.number),
        })),
    };
    memfd.writeAll(new TextEncoder().encode(JSON.stringify(order)));
    const words = [...this.#means.self, CELL_WORD, String(give(memfd.number))];
    return spawnContained(words, {
      descriptors,
      newSession: true,
      openFiles: getLimit("NOFILE"),
    });
  }
}

/** In a pid namespace where there can be one. */
function spawnContained(argv: readonly string[], options: SpawnOptions): Child {
  try {
    return spawn(argv, { ...options, newPidNamespace: true });
  } catch (error) {
    const none = ["EPERM", "ENOSPC", "EINVAL", "ENOSYS"];
    if (!(error instanceof OsError) || !none.includes(error.code)) throw error;
    return spawn(argv, options);
  }
}
