import type { MigrationMode } from "./parameters.ts";

/** The events of a migration for other parts of the machine. */
export type MigrationNotice =
  /**
   * The migration is about to begin; throwing refuses it. The VM still runs.
   */
  | { readonly type: "setup" }
  /** Everything is saved. */
  | { readonly type: "done" }
  /** It failed or was cancelled: undo what `setup` did. */
  | { readonly type: "failed" };

type Notifier = (notice: MigrationNotice) => void;

/** Notifiers by mode, called in the order in which they were added. */
export class MigrationNotifiers {
  readonly #notifiers: { mode: MigrationMode; notifier: Notifier }[] = [];

  /** Adds a notifier for one mode. */
  add(mode: MigrationMode, notifier: Notifier): void {
    this.#notifiers.push({ mode, notifier });
  }

  /** Calls the notifiers of a mode. */
  notify(mode: MigrationMode, notice: MigrationNotice): void {
    for (const entry of this.#notifiers) {
      if (entry.mode === mode) entry.notifier(notice);
    }
  }
}
