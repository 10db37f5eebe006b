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
import { ownCpuTime } from "../../../ffi/cpu_time.ts";
import type { Child } from "../../../ffi/child.ts";
import { ifPossible } from "../../../ffi/libc.ts";
import { getLimit } from "../../../ffi/limits.ts";
import { spawn, type SpawnOptions } from "../../../ffi/spawn.ts";
import { CPR_EXEC_STATE } from "../../cpr/mod.ts";
import {
  adopt,
  adoptFiles,
  orderFiles,
  readOrder,
  type SandboxOrder,
  writeOrder,
} from "./protocol.ts";
import { isReplaced, moduleVariables } from "../process/modules.ts";
import type { ContextFiles, ProcessContext } from "./process_context.ts";
import { UpdateProblem } from "../error.ts";
import { enterCgroups } from "../../proc/cgroup.ts";
import type { Confinement } from "../../proc/status.ts";
import { enterContext, enterLabel } from "./enter_context.ts";

/** What to start in a sandbox. */
export interface SandboxStart {
  /** The program, searched for as the VM would, and its arguments. */
  readonly argv: readonly string[];
  /**
   * Execute the VM's running program instead of `argv[0]`, with this directory
   * of this user for its modules, if their files were replaced.
   */
  readonly moduleFolder?: string;
  /** Its whole environment. */
  readonly environment: Readonly<Record<string, string>>;
  /**
   * Its descriptors: from the number there, below 512, to the number here. The
   * error of a failed confinement is written to 2.
   */
  readonly descriptors: ReadonlyMap<number, number>;
  /**
   * A pipe for the CPU time that was used before the exec: a number of
   * milliseconds.
   */
  readonly usedBefore?: number;
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
    const { context, files } = this;
    const { argv, environment, moduleFolder = null, usedBefore } = what;
    const { self, strict } = this.means;
    const isRunning = moduleFolder !== null;
    using memfd = writeOrder({
      ...{ context, strict, argv, environment, moduleFolder },
      executable: isRunning ? give(files.executable.number) : null,
      usedBefore: usedBefore === undefined ? null : give(usedBefore),
      ...orderFiles(isRunning ? files : { ...files, modules: [] }, give),
    });
    return spawnContained([...self, SANDBOX_WORD, `${give(memfd.number)}`], {
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
  const order = readOrder<SandboxOrder>(Number(args[0]));
  const { context, executable, moduleFolder } = order;
  const [problem] = [
    ...enterCgroups(context.cgroups),
    ...enterLabel(context),
    ...context.seccomp.filters === null ? ["seccomp filter: unknown"] : [],
  ];
  if (order.strict && problem !== undefined) {
    throw new UpdateProblem(
      "not-confined",
      `Cannot confine the program as the VM is confined: ${problem}`,
    );
  }
  const files = adoptFiles(order);
  const usedBefore = order.usedBefore === null
    ? undefined
    : adopt(order.usedBefore);
  const variables = moduleFolder === null
    ? undefined
    : moduleVariables(moduleFolder, files.modules, context.credentials);
  return enterContext({
    context: {
      ...context,
      confinement: NO_RIGHTS,
      environment: order.environment,
      oomScoreAdj: FIRST_TO_BE_KILLED,
    },
    argv: order.argv,
    ...files,
    executable: executable === null ? undefined : adopt(executable),
    variables: variables ?? {},
    beforeExec: () => {
      if (variables !== undefined) {
        for (const { file } of files.modules) file.setCloexec(false);
      }
      usedBefore?.writeAll(new TextEncoder().encode(`${ownCpuTime()}`));
    },
  });
}
