/** Where run directories and locks are, for one test alone. */

import { Reaper } from "./reaper.ts";

const VARIABLE = "RUNTIME_DIRECTORY";

/**
 * As long as it lasts, cprctl has its files in a folder of its own; standbys that
 * it left there end with it.
 */
export class Base implements Disposable, AsyncDisposable {
  readonly #before = Deno.env.get(VARIABLE);
  readonly #reaper: Reaper;

  private constructor(readonly path: string) {
    this.#reaper = new Reaper(path, `${VARIABLE}=${path}`);
    Deno.env.set(VARIABLE, path);
  }

  /** Makes the folder, on tmpfs as the real one is. */
  static async make(): Promise<Base> {
    const path = await Deno.makeTempDir({
      dir: "/dev/shm",
      prefix: "cprctl-run-",
    });
    await Deno.chmod(path, 0o711);
    return new Base(path);
  }

  /** Gives it up at once, for those who can wait for no promise. */
  [Symbol.dispose](): void {
    this.#putBack();
    this.#reaper.reapNow();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#putBack();
    await this.#reaper[Symbol.asyncDispose]();
  }

  #putBack(): void {
    if (this.#before === undefined) Deno.env.delete(VARIABLE);
    else Deno.env.set(VARIABLE, this.#before);
  }
}
