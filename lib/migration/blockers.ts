import type { MigrationMode } from "./parameters.ts";

/** Reasons that forbid a migration, each for the modes it concerns. */
export class MigrationBlockers {
  readonly #blockers: { modes: readonly MigrationMode[]; reason: string }[] =
    [];

  /** Forbids migrations of the given modes, with the reason. */
  add(modes: readonly MigrationMode[], reason: string): void {
    this.#blockers.push({ modes, reason });
  }

  /** All reasons that forbid a mode. */
  reasons(mode: MigrationMode): string[] {
    return this.#blockers.filter(({ modes }) => modes.includes(mode))
      .map(({ reason }) => reason);
  }
}
