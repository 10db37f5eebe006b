import type { Fd } from "../../../ffi/fd.ts";
import { UpdateProblem } from "../error.ts";
import type { Cgroups } from "../process/cgroups.ts";
import type { KeptModule } from "../process/modules.ts";
import type { Held, KeeperLoan, LoanPart } from "./keeper_order.ts";
import type { Line } from "./lines.ts";
import type { World } from "./world.ts";

/** What keeps the place of the old process. */
export interface Place {
  readonly executable: Fd;
  readonly cwd: Fd;
  /** In the order of entering. */
  readonly namespaces: readonly Fd[];
  /** What the executable had loaded. */
  readonly modules: readonly KeptModule[];
}

/** A descriptor to be kept, and what for. */
export interface Kept {
  readonly held: Held;
  readonly fd: Fd;
}

/**
 * Everything that a keeper has, borrowed: while it becomes the old program, the
 * memory is held here as well, and makes another keeper if need be.
 */
export class Estate implements Disposable {
  readonly #loan: KeeperLoan;
  readonly place: Place;
  readonly kept: readonly Kept[];

  private constructor(
    loan: KeeperLoan,
    place: Place,
    kept: readonly Kept[],
  ) {
    this.#loan = loan;
    this.place = place;
    this.kept = kept;
  }

  /**
   * Receives what a keeper lends.
   *
   * @throws {UpdateProblem} when it does not come whole
   */
  static async receive(lines: AsyncIterable<Line>): Promise<Estate> {
    using stack = new DisposableStack();
    let loan: KeeperLoan | undefined;
    let place: Place | undefined;
    const kept: Kept[] = [];
    for await (const { line, descriptors } of lines) {
      descriptors.forEach((fd) => stack.use(fd));
      // From the keeper, which is this very program.
      if (loan === undefined) {
        loan = JSON.parse(line) as KeeperLoan;
        place = placeOf(loan, descriptors);
      } else {
        const { held } = JSON.parse(line) as LoanPart;
        for (const [index, fd] of descriptors.entries()) {
          const what = held[index];
          if (what !== undefined) kept.push({ held: what, fd });
        }
      }
      if (kept.length === loan.held) break;
    }
    if (
      loan === undefined || place === undefined || kept.length !== loan.held
    ) {
      throw new UpdateProblem(
        "no-loan",
        "The keeper of the memory did not lend all that it has",
      );
    }
    stack.move();
    return new Estate(loan, place, kept);
  }

  get world(): World {
    return this.#loan.world;
  }

  get groups(): Cgroups {
    return this.#loan.groups;
  }

  get argv(): readonly string[] {
    return this.#loan.argv;
  }

  [Symbol.dispose](): void {
    const { executable, cwd, namespaces, modules } = this.place;
    for (const fd of [executable, cwd, ...namespaces]) fd.close();
    for (const { file } of modules) file.close();
    for (const { fd } of this.kept) fd.close();
  }
}

function placeOf(
  loan: KeeperLoan,
  descriptors: readonly Fd[],
): Place | undefined {
  const first = descriptors.length - loan.modules.length;
  const [executable, cwd, ...namespaces] = descriptors.slice(0, first);
  if (executable === undefined || cwd === undefined) return undefined;
  const modules = loan.modules.flatMap((module, index) => {
    const file = descriptors[first + index];
    return file === undefined ? [] : [{ ...module, file }];
  });
  return { executable, cwd, namespaces, modules };
}
