import type { Fd } from "../../ffi/fd.ts";
import {
  type CprRegistry,
  type Environment,
  execWithCprState,
  saveCprState,
} from "../cpr/mod.ts";
import { MigrationError } from "./error.ts";
import type { MigrationNotifiers } from "./notifiers.ts";

/**
 * The additional steps of mode cpr-exec: CPR state is saved when the migration
 * begins, and removed when it fails.
 */
export class CprExec {
  #memfd: Fd | undefined;

  constructor(
    private readonly registry: CprRegistry,
    notifiers: MigrationNotifiers,
    private readonly environment?: Environment,
  ) {
    notifiers.add("cpr-exec", (notice) => {
      if (notice.type === "setup") this.#memfd = saveCprState(this.registry);
      if (notice.type === "failed") this.#drop();
    });
  }

  /** Executes the command; returns only by throwing. */
  exec(argv: readonly string[]): never {
    if (this.#memfd === undefined) {
      throw new MigrationError("no-cpr-state", "CPR state was not saved");
    }
    execWithCprState(argv, this.registry, this.#memfd, this.environment);
  }

  #drop(): void {
    this.#memfd?.close();
    this.#memfd = undefined;
  }
}
