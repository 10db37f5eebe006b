import type { Fd } from "../../../ffi/fd.ts";
import { UpdateProblem } from "../error.ts";
import type { Cgroups } from "../../proc/cgroup.ts";
import type { HoldingsPart, Line, Role, StandbyHoldings } from "./protocol.ts";
import {
  closeFiles,
  type ContextFiles,
  type ProcessContext,
} from "./process_context.ts";

/** A preserved descriptor with its role. */
export interface Preserved {
  readonly role: Role;
  readonly fd: Fd;
}

/** Those that are sent to a monitor. */
export function sentAmong(preserved: readonly Preserved[]) {
  return preserved.flatMap(({ role, fd }) =>
    "sent" in role ? { role, fd } : []
  );
}

/**
 * Duplicates of everything that a standby has. With them this process can start
 * another standby if the first one fails to become the old program.
 */
export class Holdings implements Disposable {
  private constructor(
    private readonly description: StandbyHoldings,
    readonly files: ContextFiles,
    readonly preserved: readonly Preserved[],
  ) {}

  /**
   * Receives what a standby sends.
   *
   * @throws {UpdateProblem} when it is incomplete
   */
  static async receive(lines: AsyncIterable<Line>): Promise<Holdings> {
    using stack = new DisposableStack();
    let description: StandbyHoldings | undefined;
    let files: ContextFiles | undefined;
    const preserved: Preserved[] = [];
    for await (const { line, descriptors } of lines) {
      descriptors.forEach((fd) => stack.use(fd));
      // Trusted: the standby is this same program.
      if (description === undefined) {
        description = JSON.parse(line) as StandbyHoldings;
        files = filesOf(description, descriptors);
      } else {
        const { roles } = JSON.parse(line) as HoldingsPart;
        for (const [index, fd] of descriptors.entries()) {
          const role = roles[index];
          if (role !== undefined) preserved.push({ role, fd });
        }
      }
      if (preserved.length === description.count) break;
    }
    if (
      description === undefined || files === undefined ||
      preserved.length !== description.count
    ) {
      throw new UpdateProblem(
        "no-holdings",
        "The standby process did not send everything that it holds",
      );
    }
    stack.move();
    return new Holdings(description, files, preserved);
  }

  get context(): ProcessContext {
    return this.description.context;
  }

  get groups(): Cgroups {
    return this.description.groups;
  }

  get argv(): readonly string[] {
    return this.description.argv;
  }

  [Symbol.dispose](): void {
    closeFiles(this.files);
    for (const { fd } of this.preserved) fd.close();
  }
}

function filesOf(
  description: StandbyHoldings,
  descriptors: readonly Fd[],
): ContextFiles | undefined {
  const first = descriptors.length - description.modules.length;
  const [executable, cwd, ...namespaces] = descriptors.slice(0, first);
  if (executable === undefined || cwd === undefined) return undefined;
  const modules = description.modules.flatMap((module, index) => {
    const file = descriptors[first + index];
    return file === undefined ? [] : [{ ...module, file }];
  });
  return { executable, cwd, namespaces, modules };
}
