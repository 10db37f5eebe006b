import { Fd } from "../../../ffi/fd.ts";
import { foreignStatus, openRoot } from "../../../ffi/foreign_file.ts";
import { OsError } from "../../../ffi/libc.ts";
import { mountTmpfs, unmountLazily } from "../../../ffi/mount.ts";
import {
  O_CREAT,
  O_EXCL,
  O_NOFOLLOW,
  O_WRONLY,
} from "../../../ffi/open_flags.ts";
import { ifThere } from "../../gone.ts";
import { RefusedError } from "../error.ts";
import type { Facts } from "../vm/facts.ts";

const STATE_FOLDER = "state";
const STATE_FILE = "vm.state";
const ROOT = 0;
const MIB = 1024 ** 2;
/** Devices rarely have more than one MiB to save; RAM stays where it is. */
const STATE_ROOM = 16 * MIB;
/** More than is ever read of a state. */
const STATE_LIMIT = 68 * MIB;

/**
 * A directory for one update, on tmpfs: the state of a VM is written and read
 * inside the downtime. It is gone when the update is over.
 */
export class RunDirectory implements AsyncDisposable {
  readonly path: string;
  #stays = false;

  private constructor(
    path: string,
    /** Of the VM's process, when the update began. */
    readonly pid: number,
  ) {
    this.path = path;
  }

  /**
   * Makes the directory, and in it the state file, which belongs to the VM's
   * user: the VM opens it, and nobody can put another in its place.
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

  /** Directories that a cprctl of this user left, whatever became of it. */
  static async *leftOver(): AsyncGenerator<RunDirectory> {
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
   * Makes the state file in a file system of its own: another user keeps it
   * open for as long as they like, and can fill with it what it is in.
   *
   * @returns false where that is not to be had, or the VM would not see it
   */
  #limitState(facts: Facts): boolean {
    if (Deno.uid() !== ROOT || facts.owner.uid === ROOT) return false;
    const size = STATE_LIMIT;
    try {
      mountTmpfs(this.#stateFolder, { size, files: 1, mode: 0o711 });
    } catch (error) {
      // A container's root may not mount.
      if (error instanceof OsError && error.code === "EPERM") return false;
      throw error;
    }
    this.#makeState(facts);
    if (this.#isSeenBy(facts.pid)) return true;
    unmountLazily(this.#stateFolder);
    return false;
  }

  /** Mounts do not reach every mount namespace. */
  #isSeenBy(pid: number): boolean {
    using root = openRoot(`/proc/${pid}/root`);
    try {
      const theirs = foreignStatus(this.stateFile, { root });
      const ours = foreignStatus(this.stateFile);
      return theirs.dev === ours.dev && theirs.ino === ours.ino;
    } catch (error) {
      if (error instanceof OsError) return false;
      throw error;
    }
  }

  /** Leaves the directory where it is: a person, or `cprctl recover`, needs it. */
  leave(): void {
    this.#stays = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stays) return;
    if (Deno.uid() === ROOT) unmountLazily(this.#stateFolder);
    // Of two that recover at once, the other may have been first.
    await ifThere(Deno.remove(this.path, { recursive: true }));
  }
}

/**
 * Makes sure that the state has room.
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
      `Cannot keep the VM's state in "${path}": there is no room for ` +
        `${STATE_ROOM / MIB} MiB`,
      { remedy: "Make room in that file system", cause: error },
    );
  }
}

/**
 * /run/cprctl for root, else the user's own runtime directory. Systemd names
 * the one that it made for a unit.
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
