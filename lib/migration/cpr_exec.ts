import type { Fd } from "../../ffi/fd.ts";
import {
  type CprRegistry,
  execWithCprState,
  saveCprState,
} from "../cpr/mod.ts";
import { MigrationError } from "./error.ts";

/**
 * The additional steps of mode cpr-exec: CPR state is saved when the migration
 * begins, and removed when it fails.
 */
export class CprExec {
  #memfd: Fd | undefined;

  constructor(private readonly registry: CprRegistry) {}

  /**
   * Saves CPR state; the VM still runs.
   *
   * @throws {OsError | VmstateError} when it cannot be saved
   */
  save(): void {
    this.#memfd = saveCprState(this.registry);
  }

  /** Removes what was saved, if anything was. */
  drop(): void {
    this.#memfd?.close();
    this.#memfd = undefined;
  }

  /** Executes the command; returns only by throwing. */
  exec(argv: readonly string[]): never {
    if (this.#memfd === undefined) {
      throw new MigrationError("no-cpr-state", "CPR state was not saved");
    }
    execWithCprState(argv, this.registry, this.#memfd);
  }
}
