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

import { SANDBOX_WORD } from "./words.ts";
import type { Child } from "../../../ffi/child.ts";
import { ifPossible } from "../../../ffi/libc.ts";
import { getLimit } from "../../../ffi/limits.ts";
import { createMemfd } from "../../../ffi/memfd.ts";
import { spawn, type SpawnOptions } from "../../../ffi/spawn.ts";
import { CPR_EXEC_STATE } from "../../cpr/mod.ts";
import type { SandboxOrder } from "./protocol.ts";
import { isReplaced, moduleVariables } from "../process/modules.ts";
import type { ContextFiles, ProcessContext } from "./process_context.ts";
import { Fd } from "../../../ffi/fd.ts";
import { UpdateProblem } from "../error.ts";
import { enterCgroups } from "../../proc/cgroup.ts";
import type { Confinement } from "../../proc/status.ts";
import { enterContext, enterLabel } from "./enter_context.ts";

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
  constructor(
    private readonly context: ProcessContext,
    private readonly files: ContextFiles,
    private readonly means: SandboxMeans,
  ) {}

  /**
   * Identifies the sandbox, as a key for caches of program output. A program
   * may print something else in another sandbox, and only VMs that share all of
   * this can tamper with each other's programs.
   */
  get key(): string {
    const { credentials, namespaces, root, label, cgroups } = this.context;
    return JSON.stringify([credentials, namespaces, root, label, cgroups]);
  }

  /** Whether files of the VM's modules were replaced. */
  get lacksModules(): boolean {
    return this.files.modules.some(isReplaced);
  }

  /** The VM's environment, without that of a cpr-exec. */
  get environment(): Readonly<Record<string, string>> {
    const { [CPR_EXEC_STATE]: _state, ...others } = this.context.environment;
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
    const { executable, cwd, namespaces, modules } = this.files;
    const { moduleFolder } = what;
    using memfd = createMemfd("cprctl-sandbox");
    const order: SandboxOrder = {
      context: this.context,
      strict: this.means.strict,
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
      ...this.means.self,
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

const MAXIMUM_ORDER = 64 * 1024 * 1024;

/** oom_score_adj: killed before anything else in the VM's memory cgroup. */
const FIRST_TO_BE_KILLED = 1000;

/** No capabilities, and no way to gain any. */
const NO_RIGHTS: Confinement = {
  inheritable: "0",
  permitted: "0",
  effective: "0",
  bounding: "0",
  ambient: "0",
  noNewPrivileges: true,
};

/**
 * Enters the sandbox and executes the program that an order names: the other
 * side of {@linkcode Sandbox.start}, in a process of its own.
 *
 * @param args the number of the memfd with the order
 * @throws {UpdateProblem} when it cannot be confined like the VM
 */
export function runInSandbox(args: readonly string[]): never {
  const order = readOrder(Number(args[0]));
  const adopt = (number: number) => {
    const fd = Fd.adopt(number);
    fd.setCloexec(true);
    return fd;
  };
  const { context } = order;
  const [problem] = [
    ...enterCgroups(context.cgroups),
    ...enterLabel(context),
    ...context.seccomp.filters === null ? ["seccomp filter: unknown"] : [],
  ];
  if (order.strict && problem !== undefined) {
    throw new UpdateProblem(
      "not-confined",
      `Cannot confine the program like the VM: ${problem}`,
    );
  }
  const modules = order.modules.map((it) => ({ ...it, file: adopt(it.file) }));
  const variables = order.moduleFolder === null
    ? undefined
    : moduleVariables(order.moduleFolder, modules, context.credentials);
  return enterContext({
    context: {
      ...context,
      confinement: NO_RIGHTS,
      environment: order.environment,
      oomScoreAdj: FIRST_TO_BE_KILLED,
    },
    argv: order.argv,
    executable: order.executable === null ? undefined : adopt(order.executable),
    cwd: adopt(order.cwd),
    namespaces: order.namespaces.map(adopt),
    variables: variables ?? {},
    beforeExec: () => {
      if (variables === undefined) return;
      for (const { file } of modules) file.setCloexec(false);
    },
  });
}

function readOrder(number: number): SandboxOrder {
  using memfd = Fd.adopt(number);
  memfd.seek(0);
  const text = new TextDecoder().decode(memfd.readAll(MAXIMUM_ORDER));
  // Trusted: it was written by this same program.
  return JSON.parse(text) as SandboxOrder;
}
