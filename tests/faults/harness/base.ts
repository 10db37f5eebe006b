/** Where run directories and locks are, for one test alone. */

const VARIABLE = "RUNTIME_DIRECTORY";

/** As long as it lasts, cprctl has its files in a folder of its own. */
export class Base implements AsyncDisposable {
  readonly #before = Deno.env.get(VARIABLE);

  private constructor(readonly path: string) {
    Deno.env.set(VARIABLE, path);
  }

  /** Makes the folder, on tmpfs as the real one is. */
  static async make(): Promise<Base> {
    const path = await Deno.makeTempDir({
      dir: "/dev/shm",
      prefix: "cprctl-faults-",
    });
    await Deno.chmod(path, 0o711);
    return new Base(path);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#before === undefined) Deno.env.delete(VARIABLE);
    else Deno.env.set(VARIABLE, this.#before);
    await Deno.remove(this.path, { recursive: true });
  }
}
