import { Fd } from "../../../ffi/fd.ts";
import { ifPossible } from "../../../ffi/libc.ts";
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

/** To find out which namespaces a VM does not share with this process. */
function ownNamespace(kind: NamespaceKind): string {
  return Deno.readLinkSync(`/proc/self/ns/${kind}`);
}

/**
 * Descriptors that keep the context of a process after its end: its executable
 * and loaded modules (even if the files were deleted), its working directory,
 * and the namespaces that it does not share with this process.
 */
export class PinnedContext implements Disposable {
  private constructor(
    readonly executable: Fd,
    readonly cwd: Fd,
    readonly namespaces: ReadonlyMap<NamespaceKind, Fd>,
    readonly modules: readonly KeptModule[],
  ) {}

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

  /** The namespaces are in the order in which they are entered. */
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
