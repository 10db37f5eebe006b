/** A TPM for a VM. */

import { exists } from "../program/exists.ts";
import { MARK, Reaper } from "../program/reaper.ts";
import { until } from "../program/until.ts";

const START_TIMEOUT_MS = 10_000;

/** A swtpm in a folder of its own. */
export class Swtpm implements AsyncDisposable {
  readonly #reaper: Reaper;
  readonly #child: Deno.ChildProcess;
  readonly #socket: string;

  private constructor(folder: string, options: readonly string[]) {
    this.#reaper = new Reaper(folder);
    this.#socket = `${folder}/tpm.sock`;
    this.#child = new Deno.Command("swtpm", {
      args: [
        ...["socket", "--tpm2", "--tpmstate", `dir=${folder}`],
        ...["--ctrl", `type=unixio,path=${this.#socket}`],
        ...options,
      ],
      env: { [MARK]: folder },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /** Returns once a VM can connect. */
  static async start(...options: readonly string[]): Promise<Swtpm> {
    const folder = await Deno.makeTempDir({ prefix: "cprctl-tpm-" });
    const swtpm = new Swtpm(folder, options);
    const socket = swtpm.#socket;
    await until("swtpm listens", START_TIMEOUT_MS, () => exists(socket));
    return swtpm;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** A VM's arguments that name it "tpm". */
  get backend(): string[] {
    return [
      ...["-chardev", `socket,id=tpm-socket,path=${this.#socket}`],
      ...["-tpmdev", "emulator,id=tpm,chardev=tpm-socket"],
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reaper[Symbol.asyncDispose]();
    await this.#child.status;
  }
}
