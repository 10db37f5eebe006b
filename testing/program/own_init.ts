/**
 * A process 1 of the suite's own, in namespaces and a control group of its own:
 * all that it starts ends with it.
 *
 * @module
 */

import { cgroupMounts, folderOf } from "../../lib/proc/cgroup.ts";
import { MARK, Reaper } from "./reaper.ts";
import type { Ended } from "./run.ts";
import { inTime, until } from "./until.ts";

/** What becomes process 1, unless another program is named. */
const SYSTEMD = "/systemd";
const TIMEOUT_MS = 30_000;

/** A process 1, such as a systemd. */
export class OwnInit implements AsyncDisposable {
  readonly folder: string;
  /** Its control group. */
  readonly group: string;
  readonly #reaper: Reaper;
  readonly #child: Deno.ChildProcess;
  #pid = 0;

  private constructor(folder: string, script: string, words: string[]) {
    this.folder = folder;
    this.group = newGroup();
    this.#reaper = new Reaper(folder);
    // It enters the group, so that the namespace begins there.
    this.#child = new Deno.Command("/bin/sh", {
      args: [
        ...["-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', this.group],
        ..."unshare --mount --uts --ipc --cgroup --pid --fork".split(" "),
        ...["--kill-child", "/bin/sh", "-c", script, "sh", ...words],
      ],
      env: { [MARK]: folder },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
  }

  /** Whether this machine lets the suite have one. */
  static get isPossible(): boolean {
    if (Deno.uid() !== 0 || unified() === undefined) return false;
    try {
      Deno.removeSync(newGroup());
      return true;
    } catch (error) {
      // Control groups that can only be read.
      if (!(error instanceof Error)) throw error;
      return false;
    }
  }

  /**
   * Starts one.
   *
   * @param folder is removed at its end
   * @param script for /bin/sh in the namespaces; executes the program
   * @param words of the script
   * @param program how the path of its executable ends
   */
  static async start(
    folder: string,
    script: string,
    words: string[],
    program = SYSTEMD,
  ): Promise<OwnInit> {
    const init = new OwnInit(folder, script, words);
    try {
      await until("process 1 starts", TIMEOUT_MS, () => init.#is(program));
      return init;
    } catch (error) {
      await init[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Its id outside. */
  get pid(): number {
    return this.#pid;
  }

  /** Runs a command in some of its namespaces, as nsenter names them. */
  async run(
    namespaces: readonly string[],
    words: readonly string[],
    timeoutMs = TIMEOUT_MS,
  ): Promise<Ended> {
    const { code, stdout, stderr } = await new Deno.Command("nsenter", {
      args: ["--target", `${this.#pid}`, ...namespaces, ...words],
      env: { [MARK]: this.folder },
      stdin: "null",
      signal: AbortSignal.timeout(timeoutMs),
    }).output();
    const text = new TextDecoder();
    return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#reaper[Symbol.asyncDispose]();
    await inTime("process 1 is gone", TIMEOUT_MS, this.#child.status);
    await until("its group is empty", TIMEOUT_MS, () =>
      /^populated 0$/m.test(
        Deno.readTextFileSync(`${this.group}/cgroup.events`),
      ));
    removeGroup(this.group);
  }

  #is(program: string): boolean {
    const path = `/proc/${this.#child.pid}/task/${this.#child.pid}/children`;
    this.#pid = Number(Deno.readTextFileSync(path).trimEnd());
    return this.#pid !== 0 &&
      Deno.readLinkSync(`/proc/${this.#pid}/exe`).endsWith(program);
  }
}

/** Where the groups of the kernel's second version are. */
function unified(): string | undefined {
  const mounts = cgroupMounts(Deno.readTextFileSync("/proc/self/mountinfo"));
  return folderOf(mounts, "", "/");
}

function newGroup(): string {
  return Deno.makeTempDirSync({
    dir: unified() ?? "",
    prefix: "cprctl-test-",
  });
}

/** A group's files are the kernel's: only folders can be removed. */
function removeGroup(folder: string): void {
  for (const { name, isDirectory } of Deno.readDirSync(folder)) {
    if (isDirectory) removeGroup(`${folder}/${name}`);
  }
  Deno.removeSync(folder);
}
