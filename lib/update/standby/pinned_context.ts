import { Fd } from "../../../ffi/fd.ts";
import { OsError } from "../../../ffi/libc.ts";
import { ownerOf } from "../../../ffi/namespace_owner.ts";
import { O_DIRECTORY, O_PATH, O_RDONLY } from "../../../ffi/open_flags.ts";
import { type KeptModule, openModules } from "../process/modules.ts";
import { UpdateProblem } from "../error.ts";
import type { Identity } from "../process/identity.ts";
import { identityOf, isSameIdentity } from "../../proc/file_identity.ts";
import type { ContextFiles } from "./holdings.ts";
import {
  type NamespaceKind,
  NAMESPACES,
  type ProcessContext,
} from "./process_context.ts";

/** A process, and the program that it was seen to execute. */
type Executing = Pick<Identity, "pid" | "executable">;

/** The namespaces of this process, to tell which a VM has of its own. */
function ownNamespace(kind: NamespaceKind): string {
  return Deno.readLinkSync(`/proc/self/ns/${kind}`);
}

/**
 * Descriptors that keep the place of a process from going away with it: its
 * executable and the modules that it loaded (even if the files were deleted),
 * working directory, and the namespaces that are not this process's as well.
 */
export class PinnedContext implements Disposable {
  private constructor(
    readonly executable: Fd,
    readonly cwd: Fd,
    readonly namespaces: ReadonlyMap<NamespaceKind, Fd>,
    readonly modules: readonly KeptModule[],
  ) {}

  /**
   * Opens them, while the process is what it was.
   *
   * @throws {UpdateProblem} when it executes another program by now, or is in
   * namespaces of its own making
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
        `Process ${pid} executes another program than "${known.path}" by now`,
      );
    }
    const cwd = stack.use(Fd.open(`/proc/${pid}/cwd`, O_PATH | O_DIRECTORY));
    const namespaces = new Map<NamespaceKind, Fd>();
    for (const kind of NAMESPACES) {
      if (context.namespaces[kind] === ownNamespace(kind)) continue;
      const path = `/proc/${pid}/ns/${kind}`;
      const namespace = stack.use(Fd.open(path, O_RDONLY));
      requireTrustworthy(namespace, kind, pid);
      namespaces.set(kind, namespace);
    }
    const modules = await openModules(pid, context.credentials);
    stack.move();
    return new PinnedContext(executable, cwd, namespaces, modules);
  }

  /** As a standby needs them, the namespaces in the order of entering. */
  get files(): ContextFiles {
    const namespaces = NAMESPACES.map((kind) => this.namespaces.get(kind))
      .filter((it) => it !== undefined);
    const { executable, cwd, modules } = this;
    return { executable, cwd, namespaces, modules };
  }

  [Symbol.dispose](): void {
    this.executable.close();
    this.cwd.close();
    for (const namespace of this.namespaces.values()) namespace.close();
    for (const { file } of this.modules) file.close();
  }
}

/**
 * A program on its way into a namespace is root still. What it finds there, such
 * as /proc, has to be root's doing: any user is root of the namespaces that they
 * make in a user namespace of their own.
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
    `Process ${pid} is in a namespace (${kind}) that was made in another user ` +
      "namespace, where it could not be put back",
    { remedy: "Run cprctl in the VM's container" },
  );
}

function isOurs(namespace: Fd): boolean {
  try {
    using owner = ownerOf(namespace);
    using own = Fd.open("/proc/self/ns/user", O_RDONLY);
    return isSameIdentity(identityOf(owner.stat()), identityOf(own.stat()));
  } catch (error) {
    if (error instanceof OsError && error.code === "EPERM") return false;
    throw error;
  }
}
