/**
 * Starts another program in a child process.
 *
 * @module
 */

import { Child } from "./child.ts";
import { environ, environmentVector } from "./environment.ts";
import { duplicate, type Fd, getCloexec } from "./fd.ts";
import { call, ifPossible } from "./libc.ts";
import { withPidNamespace } from "./namespaces.ts";
import type { Limit } from "./limits.ts";
import { cString, cStringVector } from "./memory.ts";
import { O_RDWR } from "./open_flags.ts";
import {
  openFilesAtStart,
  withOpenFiles,
  withOpenFilesVariable,
} from "./open_files.ts";
import { signalNumber } from "./signals.ts";

/** Larger than glibc's structs, which are opaque: 80, 336 and 128 bytes. */
const FILE_ACTIONS_SIZE = 256;
const ATTRIBUTES_SIZE = 1024;
const SIGSET_SIZE = 256;

const POSIX_SPAWN_SETSIGDEF = 0x04;
const POSIX_SPAWN_SETSIGMASK = 0x08;
const POSIX_SPAWN_SETSID = 0x80;

const STDIO = [0, 1, 2] as const;

export interface SpawnOptions {
  /**
   * The child's whole environment. By default this process's own, with
   * CPRCTL_OPEN_FILES as for execvp.
   */
  readonly environment?: Readonly<Record<string, string>>;
  /** The child's directory; a program path with a slash is relative to it. */
  readonly cwd?: string;
  /**
   * The child's descriptors: from the number there to the number here. Nothing
   * else is open, except /dev/null as 0, 1 and 2 if they are not named: if they
   * were closed, the next file that the program opens would get its messages.
   */
  readonly descriptors: ReadonlyMap<number, number>;
  /** Whether the child leads a new session; false by default. */
  readonly newSession?: boolean;
  /**
   * Whether the child is the first process of a new pid namespace, so that its
   * descendants end with it. Needs CAP_SYS_ADMIN; false by default.
   */
  readonly newPidNamespace?: boolean;
  /**
   * The limit of open files; by default the one that this process began with.
   */
  readonly openFiles?: Limit;
}

/**
 * Starts a program. Its signal actions are the default ones, and no signal is
 * blocked; cwd, umask, ids and limits are inherited.
 *
 * @param argv the program, searched in this process's PATH if it has no slash,
 * and its arguments
 * @throws {OsError} with `argv[0]` as the detail when the program cannot be run
 * or the directory does not exist: ENOENT, EACCES, ENOEXEC and more; EBADF when
 * a descriptor is not open or a number is above the child's limit; EPERM or
 * ENOSPC when a pid namespace is not possible.
 * @throws {TypeError} when argv is empty or a text has a NUL.
 */
export function spawn(argv: readonly string[], options: SpawnOptions): Child {
  const [program] = argv;
  if (program === undefined) {
    throw new TypeError("Cannot spawn a program: its argv is empty");
  }
  const pid = new Int32Array(new ArrayBuffer(4));
  const file = cString(program);
  const words = cStringVector(argv);
  const given = options.environment && environmentVector(options.environment);
  const openFiles = options.openFiles ?? openFilesAtStart();
  using actions = new FileActions();
  using attributes = new Attributes(options.newSession ?? false);
  using _copies = giveDescriptors(actions, options.descriptors);
  if (options.cwd !== undefined) actions.changeDirectory(options.cwd);
  {
    // posix_spawn cannot set limits: the child inherits ours.
    using _openFiles = withOpenFiles(openFiles);
    using _pids = options.newPidNamespace === true
      ? withPidNamespace()
      : undefined;
    using _own = given === undefined
      ? withOpenFilesVariable(openFiles)
      : undefined;
    const environment = given ?? environ();
    const how = [actions.struct, attributes.struct] as const;
    call("posix_spawnp", [pid, file, ...how, words, environment], program);
  }
  return new Child(pid[0] ?? 0);
}

/**
 * Gives the child these descriptors, and no others. Each is first duplicated
 * above all target numbers: so no dup2 overwrites a descriptor that is needed
 * later, and none is onto itself, which would leave close-on-exec set.
 *
 * @returns the duplicates, to be closed after the start.
 */
function giveDescriptors(
  actions: FileActions,
  descriptors: ReadonlyMap<number, number>,
): Disposable {
  const atLeast = Math.max(...STDIO, ...descriptors.keys()) + 1;
  using copies = new DisposableStack();
  const given: [Fd, number][] = [];
  for (const [target, source] of descriptors) {
    given.push([copies.use(duplicate(source, { atLeast })), target]);
  }
  for (const number of inheritable()) {
    if (!descriptors.has(number)) actions.close(number);
  }
  for (const number of STDIO) {
    if (!descriptors.has(number)) actions.open(number, "/dev/null", O_RDWR);
  }
  for (const [copy, target] of given) actions.duplicate(copy.number, target);
  return copies.move();
}

/** Descriptors of this process that are not closed by exec. */
function inheritable(): number[] {
  return [...Deno.readDirSync("/proc/self/fd")]
    .map(({ name }) => Number(name))
    // The descriptor that listed the directory is closed again.
    .filter((number) =>
      ifPossible(() => getCloexec(number), "EBADF") === false
    );
}

/** What the child does with its descriptors before the exec, in this order. */
class FileActions implements Disposable {
  readonly struct = new Uint8Array(FILE_ACTIONS_SIZE);

  constructor() {
    call("posix_spawn_file_actions_init", [this.struct]);
  }

  duplicate(source: number, target: number): void {
    const args = [this.struct, source, target] as const;
    call("posix_spawn_file_actions_adddup2", args, target);
  }

  close(number: number): void {
    const args = [this.struct, number] as const;
    call("posix_spawn_file_actions_addclose", args, number);
  }

  open(number: number, path: string, flags: number): void {
    const args = [this.struct, number, cString(path), flags, 0] as const;
    call("posix_spawn_file_actions_addopen", args, path);
  }

  changeDirectory(path: string): void {
    const args = [this.struct, cString(path)] as const;
    call("posix_spawn_file_actions_addchdir_np", args, path);
  }

  [Symbol.dispose](): void {
    call("posix_spawn_file_actions_destroy", [this.struct]);
  }
}

/** The child's signals and session. */
class Attributes implements Disposable {
  readonly struct = new Uint8Array(ATTRIBUTES_SIZE);

  constructor(newSession: boolean) {
    const none = new Uint8Array(SIGSET_SIZE);
    const ignored = new Uint8Array(SIGSET_SIZE);
    const flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
      (newSession ? POSIX_SPAWN_SETSID : 0);
    call("sigemptyset", [none]);
    call("sigemptyset", [ignored]);
    // Handlers are reset by the exec anyway, but ignored signals stay ignored.
    call("sigaddset", [ignored, signalNumber("SIGPIPE")]);
    call("posix_spawnattr_init", [this.struct]);
    call("posix_spawnattr_setsigmask", [this.struct, none]);
    call("posix_spawnattr_setsigdefault", [this.struct, ignored]);
    call("posix_spawnattr_setflags", [this.struct, flags]);
  }

  [Symbol.dispose](): void {
    call("posix_spawnattr_destroy", [this.struct]);
  }
}
