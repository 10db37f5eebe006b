/**
 * Ends a virtual machine and removes its folder, whatever becomes of the test.
 *
 * Everything that is started for a VM carries the VM's folder in its
 * environment; forks, daemons, programs it executes and rescues of it inherit
 * that. A small shell beside the test waits for the end of a pipe, which comes
 * when the test disposes of the VM or dies, SIGKILL included. It then kills
 * all that carry the mark.
 *
 * @module
 */

/** The environment variable that marks a process as part of a VM. */
export const MARK = "CPRCTL_TEST_VM";

/** Twice, since what is about to fork has a child that the first look misses. */
const SCRIPT = `trap '' HUP INT TERM
read -r _
for _ in 1 2; do
  for it in $(grep -lsxzF "$1" /proc/[0-9]*/environ); do
    pid=\${it#/proc/}
    kill -9 "\${pid%/environ}" 2>/dev/null
  done
done
rm -rf "$2"`;
const TIMEOUT_MS = 20_000;

/** One VM's reaper. */
export class Reaper implements AsyncDisposable {
  readonly #args: readonly string[];
  readonly #shell: Deno.ChildProcess;

  /**
   * @param folder the VM's own folder, which the reaper removes
   * @param mark what those that it ends have in their environment
   */
  constructor(folder: string, mark = `${MARK}=${folder}`) {
    this.#args = ["-c", SCRIPT, "reaper", mark, folder];
    this.#shell = this.#command("piped").spawn();
  }

  /**
   * Kills and removes at once, for those who can wait for no promise: when the
   * tests of a file are over, the runtime kills what they have started.
   */
  reapNow(): void {
    this.#command("null").outputSync();
  }

  #command(stdin: "piped" | "null"): Deno.Command {
    return new Deno.Command("/bin/sh", {
      args: [...this.#args],
      // Without the marks of others, who would end it before it is done.
      clearEnv: true,
      env: { PATH: Deno.env.get("PATH") ?? "" },
      stdin,
      stdout: "null",
      stderr: "null",
    });
  }

  /** Kills and removes now; returns when that is done. */
  async [Symbol.asyncDispose](): Promise<void> {
    const giveUp = setTimeout(() => this.#shell.kill("SIGKILL"), TIMEOUT_MS);
    await this.#shell.stdin.close();
    const { success } = await this.#shell.status;
    clearTimeout(giveUp);
    if (!success) throw new Error("Cannot end a virtual machine");
  }
}
