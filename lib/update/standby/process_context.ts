/**
 * The context of a process that a rollback has to recreate: plain data, for the
 * order of the standby, and the descriptors of what would end with the process.
 *
 * @module
 */

import type { Credentials } from "../../../ffi/identity.ts";
import { getIoPriority } from "../../../ffi/scheduling.ts";
import { type Confinement, readStatus } from "../../proc/status.ts";
import { parseEnvironment } from "../../proc/environ.ts";
import { type Cgroups, readCgroups } from "../../proc/cgroup.ts";
import {
  credentialsOf,
  type Identity,
  requireSameUser,
} from "../process/identity.ts";
import { type Placement, readPlacement } from "../../proc/placement.ts";
import { readSecurityLabel } from "../../proc/security_label.ts";
import { readSeccomp, type Seccomp } from "./confinement.ts";
import { type LimitTexts, parseLimits } from "../../../ffi/limits.ts";
import { readProcText } from "../../proc/file.ts";
import { Fd } from "../../../ffi/fd.ts";
import { ifPossible } from "../../../ffi/libc.ts";
import { ownerOf } from "../../../ffi/namespaces.ts";
import { O_DIRECTORY, O_PATH, O_RDONLY } from "../../../ffi/open_flags.ts";
import { type KeptModule, openModules } from "../process/modules.ts";
import { UpdateProblem } from "../error.ts";
import { identityOf, isSameIdentity } from "../../proc/file_identity.ts";

/** The namespaces that a process can enter, in the order in which it does. */
const NAMESPACES = ["cgroup", "ipc", "uts", "net", "mnt"] as const;
type NamespaceKind = (typeof NAMESPACES)[number];

/** The context of a process. */
export interface ProcessContext {
  readonly environment: Readonly<Record<string, string>>;
  /** Paths in the process's own mount namespace. */
  readonly cwd: string;
  readonly root: string;
  readonly credentials: Credentials;
  /** Whether root opened the monitor's socket, as for a VM of root. */
  readonly openedByRoot: boolean;
  readonly confinement: Confinement;
  readonly seccomp: Seccomp;
  /** Of a security module; null if it is the same as cprctl's. */
  readonly label: string | null;
  readonly umask: number;
  /** Null if cprctl may not read it. */
  readonly personality: number | null;
  /** Of the main thread, which other threads inherit. */
  readonly placement: Placement;
  /** Of the main thread: class and priority, as for ioprio_set(2). */
  readonly ioPriority: number;
  readonly oomScoreAdj: number;
  readonly limits: LimitTexts;
  readonly cgroups: Cgroups;
  /** Such as "net:[4026531840]". */
  readonly namespaces: Readonly<Record<string, string>>;
}

/**
 * Reads the context of a process. User and environment are taken from its
 * identity.
 *
 * @param self the command that starts cprctl itself
 * @throws {RefusedError} when the process has another user now
 */
export async function readContext(
  identity: Identity,
  self: readonly string[],
): Promise<ProcessContext> {
  const { pid, credentials, openedByRoot } = identity;
  const [cwd, root, status, oom, cgroups, limits] = await Promise.all([
    Deno.readLink(`/proc/${pid}/cwd`),
    Deno.readLink(`/proc/${pid}/root`),
    readStatus(pid),
    readProcText(pid, "oom_score_adj"),
    readCgroups(pid),
    readProcText(pid, "limits"),
  ]);
  // The capabilities in `status` have to be those of the same user.
  requireSameUser(identity, credentialsOf(status, pid));
  return {
    environment: parseEnvironment(identity.environment),
    cwd,
    root,
    credentials,
    openedByRoot,
    confinement: status.confinement,
    seccomp: await readSeccomp(pid, self),
    label: await readOtherLabel(pid),
    umask: status.umask,
    personality: await readPersonality(pid),
    placement: readPlacement(pid),
    ioPriority: getIoPriority(pid),
    oomScoreAdj: Number(oom),
    limits: parseLimits(limits),
    cgroups,
    namespaces: await readNamespaces(pid),
  };
}

async function readOtherLabel(pid: number): Promise<string | null> {
  const label = await readSecurityLabel(pid);
  return label === await readSecurityLabel("self") ? null : label ?? null;
}

/** Needs the right to trace the process, which Yama may deny. */
async function readPersonality(pid: number): Promise<number | null> {
  try {
    return parseInt(await readProcText(pid, "personality"), 16);
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) return null;
    throw error;
  }
}

async function readNamespaces(
  pid: number,
): Promise<ProcessContext["namespaces"]> {
  const links = NAMESPACES.map(async (kind) =>
    [kind, await Deno.readLink(`/proc/${pid}/ns/${kind}`)] as const
  );
  return Object.fromEntries(await Promise.all(links));
}

/** A process, and the program that it was seen to execute. */
type Executing = Pick<Identity, "pid" | "executable">;

/** To find out which namespaces a VM does not share with this process. */
function ownNamespace(kind: NamespaceKind): string {
  return Deno.readLinkSync(`/proc/self/ns/${kind}`);
}

/** The descriptors of a process context. */
export interface ContextFiles {
  readonly executable: Fd;
  readonly cwd: Fd;
  /** In the order in which they are entered. */
  readonly namespaces: readonly Fd[];
  /** The modules that the executable had loaded. */
  readonly modules: readonly KeptModule[];
}

/** Closes them all. */
export function closeFiles(
  { executable, cwd, namespaces, modules }: ContextFiles,
): void {
  for (const fd of [executable, cwd, ...namespaces]) fd.close();
  for (const { file } of modules) file.close();
}

/**
 * Descriptors that keep the context of a process after its end: its executable
 * and loaded modules (even if the files were deleted), its working directory,
 * and the namespaces that it does not share with this process.
 */
export class PinnedContext implements Disposable {
  private constructor(readonly files: ContextFiles) {}

  /**
   * Opens them.
   *
   * @throws {UpdateProblem} when the process executes another program now, or
   * is in namespaces of another user namespace
   */
  static async open(
    { pid, executable: known }: Executing,
    context: ProcessContext,
  ): Promise<PinnedContext> {
    using stack = new DisposableStack();
    const executable = stack.use(Fd.open(`/proc/${pid}/exe`, O_RDONLY));
    if (!isSameIdentity(identityOf(executable.stat()), known)) {
      throw new UpdateProblem(
        "process-changed",
        `Process ${pid} executes another program than "${known.path}" now`,
      );
    }
    const cwd = stack.use(Fd.open(`/proc/${pid}/cwd`, O_PATH | O_DIRECTORY));
    const namespaces: Fd[] = [];
    for (const kind of NAMESPACES) {
      if (context.namespaces[kind] === ownNamespace(kind)) continue;
      const path = `/proc/${pid}/ns/${kind}`;
      const namespace = stack.use(Fd.open(path, O_RDONLY));
      requireTrustworthy(namespace, kind, pid);
      namespaces.push(namespace);
    }
    const modules = await openModules(pid, context.credentials);
    stack.move();
    return new PinnedContext({ executable, cwd, namespaces, modules });
  }

  [Symbol.dispose](): void {
    closeFiles(this.files);
  }
}

/**
 * The process that enters a namespace is still root. So what is in it, such as
 * /proc, must have been set up by root: any user can create namespaces in a
 * user namespace of their own.
 *
 * @throws {UpdateProblem}
 */
function requireTrustworthy(
  namespace: Fd,
  kind: NamespaceKind,
  pid: number,
): void {
  if (isOurs(namespace)) return;
  throw new UpdateProblem(
    "foreign-namespace",
    `Process ${pid} is in a namespace (${kind}) that was created in another ` +
      "user namespace: a rollback could not enter it",
    { remedy: "Run cprctl in the VM's container" },
  );
}

function isOurs(namespace: Fd): boolean {
  using owner = ifPossible(() => ownerOf(namespace), "EPERM");
  if (owner === undefined) return false;
  using own = Fd.open("/proc/self/ns/user", O_RDONLY);
  return isSameIdentity(owner.stat(), own.stat());
}
