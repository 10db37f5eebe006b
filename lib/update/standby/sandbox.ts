/**
 * The VM's own confinement, for a program that is not to be trusted: it is
 * where the VM is and as whom the VM is, with no more rights, and without those
 * that a program could gain.
 *
 * ```
 * cprctl ─ pid namespace, session ─▶ this program again ─ sandbox ─▶ the program
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
import { SANDBOX_WORD, type SandboxOrder } from "./sandbox_order.ts";
import { isReplaced } from "../process/modules.ts";
import type { ContextFiles } from "./holdings.ts";
import type { ProcessContext } from "./process_context.ts";

/** What to start in a sandbox. */
export interface SandboxStart {
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

/** How a sandbox is made. */
export interface SandboxMeans {
  /** The words that start cprctl. */
  readonly self: readonly string[];
  /** Whether nothing runs where it cannot be confined as the VM is. */
  readonly strict: boolean;
}

/** Where programs of a VM's choosing may run. */
export class Sandbox {
  readonly #context: ProcessContext;
  readonly #files: ContextFiles;
  readonly #means: SandboxMeans;

  constructor(
    context: ProcessContext,
    files: ContextFiles,
    means: SandboxMeans,
  ) {
    this.#context = context;
    this.#files = files;
    this.#means = means;
  }

  /**
   * Whose the sandbox is: what a program says there may be another thing in
   * another one. Who shares all of this with a VM can do to its programs what
   * that VM can; no other VM is told what a program said in this one's sandbox.
   */
  get key(): string {
    const { credentials, namespaces, root, label, cgroups } = this.#context;
    return JSON.stringify([credentials, namespaces, root, label, cgroups]);
  }

  /** Whether other files have taken the places of the VM's modules. */
  get lacksModules(): boolean {
    return this.#files.modules.some(isReplaced);
  }

  /** What a program finds that the VM executes, but for a hand-over's. */
  get environment(): Readonly<Record<string, string>> {
    const { [CPR_EXEC_STATE]: _state, ...others } = this.#context.environment;
    return others;
  }

  /**
   * Starts a program in the sandbox, as the leader of a session. With the child
   * ends all that it started, as far as the host has pid namespaces; its process
   * group in any case, if that is killed.
   *
   * @throws {OsError} when cprctl itself cannot be started
   */
  start(what: SandboxStart): Child {
    const descriptors = new Map(what.descriptors);
    let next = FIRST_OWN;
    const give = (number: number): number => {
      descriptors.set(next, number);
      return next++;
    };
    const { executable, cwd, namespaces, modules } = this.#files;
    const { moduleFolder } = what;
    using memfd = createMemfd("cprctl-sandbox");
    const order: SandboxOrder = {
      context: this.#context,
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
    const words = [
      ...this.#means.self,
      SANDBOX_WORD,
      String(give(memfd.number)),
    ];
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
