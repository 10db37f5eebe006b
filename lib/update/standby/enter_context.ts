/**
 * Takes on a process context and executes a program. posix_spawn supports
 * little of this, and a program with threads may run nothing between fork and
 * exec: so a process of its own does it.
 *
 * @module
 */

import { execvp } from "../../../ffi/exec.ts";
import type { Fd } from "../../../ffi/fd.ts";
import {
  becomeUser,
  changeDirectory,
  changeRoot,
  setPersonality,
  setUmask,
} from "../../../ffi/identity.ts";
import { enterNamespace } from "../../../ffi/namespaces.ts";
import { getIoPriority, setIoPriority } from "../../../ffi/scheduling.ts";
import { ifPossible } from "../../../ffi/libc.ts";
import { getLimit, resources, setLimit } from "../../../ffi/limits.ts";
import { geteuid } from "../../../ffi/process.ts";
import { UpdateProblem } from "../error.ts";
import { givePlacement } from "../../proc/placement.ts";
import { labelNextProgram } from "../../proc/security_label.ts";
import { confine, enterSeccomp } from "./confinement.ts";
import type { ProcessContext } from "./process_context.ts";

const THIS_THREAD = 0;
const ROOT = 0;

/** What to execute, and in which context. */
export interface Entrance {
  readonly context: ProcessContext;
  readonly argv: readonly string[];
  /** Undefined for argv[0]. */
  readonly executable: Fd | undefined;
  readonly cwd: Fd;
  /** In the order in which they are entered. */
  readonly namespaces: readonly Fd[];
  /** Added to the context's environment. */
  readonly variables: Readonly<Record<string, string>>;
  /** The last step before exec. */
  readonly beforeExec: () => void;
}

/** Executes the program in the context; returns only by throwing. */
export function enterContext(entrance: Entrance): never {
  const { context, executable } = entrance;
  requireOwnUser(context);
  Deno.writeTextFileSync("/proc/self/oom_score_adj", `${context.oomScoreAdj}`);
  for (const namespace of entrance.namespaces) enterNamespace(namespace);
  if (context.root !== "/") changeRoot(context.root);
  changeDirectory(entrance.cwd);
  setUmask(context.umask);
  // cprctl reports what could not be set, when it restores the threads.
  givePlacement(THIS_THREAD, context.placement);
  giveIoPriority(context.ioPriority);
  if (context.personality !== null) setPersonality(context.personality);
  setLimits(context);
  confine(context.confinement, () => {
    if (geteuid() === ROOT) becomeUser(context.credentials);
  });
  const [soft = "0", hard = "0"] = context.limits.NOFILE ?? [];
  entrance.beforeExec();
  if (context.confinement.noNewPrivileges) enterSeccomp(context.seccomp);
  return execvp(entrance.argv, {
    file: executable && `/proc/self/fd/${executable.number}`,
    environment: { ...context.environment, ...entrance.variables },
    openFiles: { soft: BigInt(soft), hard: BigInt(hard) },
  });
}

/**
 * Sets the context's security label for the program that this process executes.
 *
 * @returns why that is not possible
 */
export function enterLabel({ label }: ProcessContext): string[] {
  const problem = label === null ? undefined : labelNextProgram(label);
  return problem === undefined ? [] : [problem];
}

/** The last check: a VM of another user must never become root. */
function requireOwnUser({ credentials, openedByRoot }: ProcessContext): void {
  if (credentials.uid !== ROOT || openedByRoot || geteuid() !== ROOT) return;
  throw new UpdateProblem(
    "not-roots-vm",
    "Cannot start a program as root: the VM was not root's",
  );
}

/** Optional: a VM without its I/O priority is better than none. */
function giveIoPriority(wanted: number): void {
  if (getIoPriority(THIS_THREAD) === wanted) return;
  ifPossible(() => setIoPriority(THIS_THREAD, wanted));
}

function setLimits(context: ProcessContext): void {
  for (const resource of resources) {
    const wanted = context.limits[resource];
    if (wanted === undefined) continue;
    const [soft, hard] = wanted.map(BigInt);
    const now = getLimit(resource);
    if (soft === now.soft && hard === now.hard) continue;
    if (soft !== undefined && hard !== undefined) {
      setLimit(resource, { soft, hard });
    }
  }
}
