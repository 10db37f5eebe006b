import { Fd } from "../../../ffi/fd.ts";
import { foreignStatus, openRoot } from "../../../ffi/foreign_file.ts";
import { ifPossible, OsError } from "../../../ffi/libc.ts";
import { mountTmpfs, unmountLazily } from "../../../ffi/mount.ts";
import {
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_WRONLY,
} from "../../../ffi/open_flags.ts";
import { isSameIdentity } from "../../proc/file_identity.ts";
import { ifThere } from "../../gone.ts";
import { RefusedError } from "../error.ts";
import type { Facts } from "../vm/facts.ts";

const STATE_FOLDER = "state";
const STATE_FILE = "vm.state";
const ROOT = 0;
const MIB = 1024 ** 2;
/** Device state is rarely larger than 1 MiB; RAM is not saved. */
const STATE_ROOM = 16 * MIB;
/** Larger than the largest state that is read. */
const STATE_LIMIT = 68 * MIB;

/**
 * The directory of one update, on tmpfs: the state is written and read within
 * the downtime. It is removed when the update is over.
 */
export class RunDirectory implements AsyncDisposable {
  readonly path: string;
  #stays = false;

  private constructor(
    path: string,
    /** The VM's process when the update began. */
    readonly pid: number,
  ) {
    this.path = path;
  }

  /**
   * Creates the directory, and in it the state file, which belongs to the VM's
   * user: the VM opens it, but its user cannot replace it.
   */
  static async create(facts: Facts): Promise<RunDirectory> {
    const base = await baseDirectory();
    const path = await Deno.makeTempDir({ dir: base, prefix: `${facts.pid}-` });
    const directory = new RunDirectory(path, facts.pid);
    try {
      await Deno.chmod(path, 0o711);
      await Deno.mkdir(directory.#stateFolder);
      await Deno.chmod(directory.#stateFolder, 0o711);
      if (!directory.#limitState(facts)) directory.#makeState(facts);
    } catch (error) {
      await directory[Symbol.asyncDispose]();
      throw error;
    }
    return directory;
  }

  /** The directories of this user, also those of updates in progress. */
  static async *list(): AsyncGenerator<RunDirectory> {
    const base = await baseDirectory();
    for await (const { name, isDirectory } of Deno.readDir(base)) {
      const pid = /^(\d+)-/.exec(name)?.[1];
      if (!isDirectory || pid === undefined) continue;
      yield new RunDirectory(`${base}/${name}`, Number(pid));
    }
  }

  get stateFile(): string {
    return `${this.#stateFolder}/${STATE_FILE}`;
  }

  get #stateFolder(): string {
    return `${this.path}/${STATE_FOLDER}`;
  }

  #makeState({ owner }: Facts): void {
    using state = Fd.open(
      this.stateFile,
      O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY,
      0o600,
    );
    requireRoom(state, this.path);
    if (Deno.uid() === ROOT) state.chown(owner.uid, owner.gid);
  }

  /**
   * Creates the state file in a file system of its own: the VM's user can keep
   * it open, and could fill /run with it.
   *
   * @returns false if that is not possible, or the VM would not see the file
   */
  #limitState(facts: Facts): boolean {
    if (Deno.uid() !== ROOT || facts.owner.uid === ROOT) return false;
    const size = STATE_LIMIT;
    try {
      mountTmpfs(this.#stateFolder, { size, files: 1, mode: 0o711 });
    } catch (error) {
      // Root of a container may not mount.
      if (error instanceof OsError && error.code === "EPERM") return false;
      throw error;
    }
    this.#makeState(facts);
    if (this.#isSeenBy(facts.pid)) return true;
    unmountLazily(this.#stateFolder);
    return false;
  }

  /** Mounts do not propagate to every mount namespace. */
  #isSeenBy(pid: number): boolean {
    using root = openRoot(`/proc/${pid}/root`);
    return ifPossible(() => {
      const theirs = foreignStatus(this.stateFile, { root });
      return isSameIdentity(theirs, foreignStatus(this.stateFile));
    }) ?? false;
  }

  /** Keeps the directory, for the operator or for `cprctl recover`. */
  leave(): void {
    this.#stays = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stays) return;
    if (Deno.uid() === ROOT) unmountLazily(this.#stateFolder);
    // Another `cprctl recover` may have been faster.
    await ifThere(Deno.remove(this.path, { recursive: true }));
  }
}

/**
 * Makes sure that there is room for the state.
 *
 * @throws {RefusedError}
 */
function requireRoom(state: Fd, path: string): void {
  try {
    state.writeAll(new Uint8Array(STATE_ROOM));
    state.truncate(0);
  } catch (error) {
    if (!(error instanceof OsError)) throw error;
    if (error.code !== "ENOSPC" && error.code !== "EDQUOT") throw error;
    throw new RefusedError(
      "no-room",
      `Cannot save the VM's state in "${path}": there is no room for ` +
        `${STATE_ROOM / MIB} MiB`,
      { remedy: "Make room in that file system", cause: error },
    );
  }
}

/**
 * /run/cprctl for root, else the user's own runtime directory. For a unit,
 * systemd sets RUNTIME_DIRECTORY.
 */
export async function baseDirectory(): Promise<string> {
  const uid = Deno.uid();
  const ofUnit = Deno.env.get("RUNTIME_DIRECTORY");
  const ofUser = Deno.env.get("XDG_RUNTIME_DIR");
  const path = ofUnit !== undefined && !ofUnit.includes(":")
    ? ofUnit
    : uid === 0
    ? "/run/cprctl"
    : ofUser !== undefined
    ? `${ofUser}/cprctl`
    : `/dev/shm/cprctl-${uid}`;
  await Deno.mkdir(path, { recursive: true, mode: 0o711 });
  const info = await Deno.lstat(path);
  if (!info.isDirectory || info.uid !== uid) {
    throw new Error(`Cannot use "${path}": it is not this user's directory`);
  }
  return path;
}
