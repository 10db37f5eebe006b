import { Reaper } from "../program/reaper.ts";
import { type StartOptions, Vm } from "./vm.ts";

/**
 * A folder with virtual machines. All that was started in it ends with it, and
 * it is removed, even when the test is killed.
 */
export class Lab implements AsyncDisposable {
  readonly folder: string;
  readonly #reaper: Reaper;
  readonly #machines: Vm[] = [];

  private constructor(folder: string) {
    this.folder = folder;
    this.#reaper = new Reaper(folder);
  }

  static async open(): Promise<Lab> {
    const folder = await Deno.makeTempDir({ prefix: "cprctl-e2e-" });
    try {
      return new Lab(folder);
    } catch (error) {
      await Deno.remove(folder);
      throw error;
    }
  }

  /** Path of a file in the folder. */
  path(name: string): string {
    return `${this.folder}/${name}`;
  }

  /** Starts a machine, whose files are in the lab's folder. */
  start(options: StartOptions = {}): Vm {
    const vm = new Vm(this.folder, this.#machines.length, options);
    this.#machines.push(vm);
    return vm;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = this.#machines.map((vm) => vm.closeInput());
    await this.#reaper[Symbol.asyncDispose]();
    await Promise.all([...closed, ...this.#machines.map((vm) => vm.ended())]);
  }
}
