/**
 * Runs an untrusted program in the VM's own confinement: in its namespaces and
 * as its user, without capabilities, and unable to gain privileges.
 *
 * ```
 * cprctl ─ pid namespace, session ─▶ this program again ─ sandbox ─▶ the program
 * ```
 *
 * @module
 */

import type { Child } from "../../../ffi/child.ts";
import { ifPossible } from "../../../ffi/libc.ts";
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
  /** The program, searched for as the VM would, and its arguments. */
  readonly argv: readonly string[];
  /** Execute the VM's running program instead of `argv[0]`. */
  readonly runningProgram?: boolean;
  /**
   * Directory of this user for the modules of the running program, if their
   * files were replaced.
   */
  readonly moduleFolder?: string;
  /** Its whole environment. */
  readonly environment: Readonly<Record<string, string>>;
  /**
   * Its descriptors: from the number there, below 512, to the number here. The
   * error of a failed confinement is written to 2.
   */
  readonly descriptors: ReadonlyMap<number, number>;
}

/** Above the numbers that a program is given. */
const FIRST_OWN = 512;

/** How a sandbox is made. */
export interface SandboxMeans {
  /** The command that starts cprctl itself. */
  readonly self: readonly string[];
  /** Whether a program that cannot be confined like the VM does not run. */
  readonly strict: boolean;
}

/** Runs programs that a VM has chosen. */
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
   * Identifies the sandbox, as a key for caches of program output. A program
   * may print something else in another sandbox, and only VMs that share all of
   * this can tamper with each other's programs.
   */
  get key(): string {
    const { credentials, namespaces, root, label, cgroups } = this.#context;
    return JSON.stringify([credentials, namespaces, root, label, cgroups]);
  }

  /** Whether files of the VM's modules were replaced. */
  get lacksModules(): boolean {
    return this.#files.modules.some(isReplaced);
  }

  /** The VM's environment, without that of a cpr-exec. */
  get environment(): Readonly<Record<string, string>> {
    const { [CPR_EXEC_STATE]: _state, ...others } = this.#context.environment;
    return others;
  }

  /**
   * Starts a program in the sandbox, as the leader of a session. When the child
   * ends, its descendants end too if the host has pid namespaces; otherwise
   * kill its process group.
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

/** Starts it in a pid namespace, if possible. */
function spawnContained(argv: readonly string[], options: SpawnOptions): Child {
  const contained = { ...options, newPidNamespace: true };
  const impossible = ["EPERM", "ENOSPC", "EINVAL", "ENOSYS"];
  return ifPossible(() => spawn(argv, contained), ...impossible) ??
    spawn(argv, options);
}
