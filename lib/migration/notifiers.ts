import type { MigrationMode } from "./parameters.ts";

/** What a migration tells the parts of the machine that take part in it. */
export type MigrationNotice =
  /** About to begin; throwing refuses it. The VM still runs. */
  | { readonly type: "setup" }
  /** Everything is saved. */
  | { readonly type: "done" }
  /** It failed or was cancelled; what `setup` did is to be undone. */
  | { readonly type: "failed" };

type Notifier = (notice: MigrationNotice) => void;

/** Notifiers, each for one mode. They run in the order of their adding. */
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
