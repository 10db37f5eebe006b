import { Fd } from "../../../ffi/fd.ts";
import { foreignStatus } from "../../../ffi/foreign_file.ts";
import { O_CREAT, O_NOFOLLOW, O_RDWR } from "../../../ffi/open_flags.ts";
import { isSameIdentity } from "../../proc/file_identity.ts";
import { ifThere, ifThereSync } from "../../gone.ts";
import { openInTime, UnreadableError } from "../../bounded_file.ts";
import { RefusedError } from "../error.ts";
import { baseDirectory } from "./directory.ts";

/**
 * The lock of a VM, an flock(2) that ends with its process. Root and the VM's
 * user have their lock files in different directories, so a file of the VM's
 * process is locked as well.
 */
export class VmLock implements Disposable {
  private constructor(
    readonly path: string,
    readonly file: Fd,
    /** Undefined if the process is gone, or may not be examined. */
    readonly ofProcess: Fd | undefined,
  ) {}

  /**
   * Makes sure that one cprctl at a time works on a VM.
   *
   * @throws {RefusedError} when another one does
   * @throws {UnreadableError} when /proc/PID/environ cannot be opened in time
   */
  static async take(pid: number): Promise<VmLock> {
    const lock = await VmLock.tryTake(pid);
    if (lock !== undefined) return lock;
    throw new RefusedError(
      "locked",
      `Another cprctl is working on process ${pid}`,
      { remedy: "Wait until it is done" },
    );
  }

  /**
   * The lock, or undefined when another cprctl has it.
   *
   * @throws {UnreadableError} when /proc/PID/environ cannot be opened in time
   */
  static async tryTake(pid: number): Promise<VmLock | undefined> {
    const path = `${await baseDirectory()}/${pid}.lock`;
    for (;;) {
      const file = Fd.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
      if (!file.tryLock()) {
        file.close();
        return undefined;
      }
      // The previous owner may have removed the file after it was opened.
      if (!isAt(path, file)) {
        file.close();
        continue;
      }
      using stack = new DisposableStack();
      stack.use(file);
      stack.defer(() => Deno.removeSync(path));
      const ofProcess = await openOfProcess(pid);
      if (ofProcess !== undefined) stack.use(ofProcess);
      if (ofProcess?.tryLock() === false) return undefined;
      stack.move();
      return new VmLock(path, file, ofProcess);
    }
  }

  /** Whether a cprctl works on a VM, or was killed while doing so. */
  static async isLeft(pid: number): Promise<boolean> {
    const path = `${await baseDirectory()}/${pid}.lock`;
    return await ifThere(Deno.lstat(path)) !== undefined;
  }

  /** Removes the lock files that no process holds. */
  static async tidy(): Promise<void> {
    for await (const { name } of Deno.readDir(await baseDirectory())) {
      const pid = /^(\d+)\.lock$/.exec(name)?.[1];
      if (pid === undefined) continue;
      try {
        using _held = await VmLock.tryTake(Number(pid));
      } catch (error) {
        // The process exists, so the lock may be held.
        if (!(error instanceof UnreadableError)) throw error;
      }
    }
  }

  [Symbol.dispose](): void {
    this.ofProcess?.close();
    Deno.removeSync(this.path);
    this.file.close();
  }
}

/** It exists as long as the process, and other users cannot open it. */
function openOfProcess(pid: number): Promise<Fd | undefined> {
  return openInTime(`/proc/${pid}/environ`);
}

function isAt(path: string, file: Fd): boolean {
  const there = ifThereSync(() => foreignStatus(path));
  return there !== undefined && isSameIdentity(there, file.stat());
}
