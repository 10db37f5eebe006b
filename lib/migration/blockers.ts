import type { MigrationMode } from "./parameters.ts";

/** Migration blockers, by mode. */
export class MigrationBlockers {
  readonly #blockers: { modes: readonly MigrationMode[]; reason: string }[] =
    [];

  /** Blocks migration in the given modes, with a reason. */
  add(modes: readonly MigrationMode[], reason: string): void {
    this.#blockers.push({ modes, reason });
  }

  /** The reasons that block a mode. */
  reasons(mode: MigrationMode): string[] {
    return this.#blockers.filter(({ modes }) => modes.includes(mode))
      .map(({ reason }) => reason);
  }
}
