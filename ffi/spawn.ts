/**
 * Another program in a process of its own.
 *
 * @module
 */

import { Child } from "./child.ts";
import { environ, environmentVector, withVariables } from "./environment.ts";
import { duplicate, type Fd, getCloexec } from "./fd.ts";
import { check, libc, OsError, osError } from "./libc.ts";
import { withPidNamespace } from "./pid_namespace.ts";
import type { Limit } from "./limits.ts";
import { cString, cStringVector } from "./memory.ts";
import { O_RDWR } from "./open_flags.ts";
import {
  openFilesAtStart,
  saidToSuccessor,
  withOpenFiles,
} from "./open_files.ts";
import { SIGNALS } from "./signals.ts";

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
   * All of the child's environment, added to by nothing. This process's own
   * unless given, with CPRCTL_OPEN_FILES as execvp has it.
   */
  readonly environment?: Readonly<Record<string, string>>;
  /** Where the child starts; a program with a slash is looked for from there. */
  readonly cwd?: string;
  /**
   * What the child has open: the number there, and the descriptor here. Nothing
   * else is open in the child, but /dev/null as those of 0, 1 and 2 that are not
   * named: a program that finds them closed writes its messages into whatever
   * it opens first.
   */
  readonly descriptors: ReadonlyMap<number, number>;
  /** Whether the child leads a session of its own; false unless given. */
  readonly newSession?: boolean;
  /**
   * Whether the child is the first process of a pid namespace of its own: what
   * it starts ends with it. Takes CAP_SYS_ADMIN; false unless given.
   */
  readonly newPidNamespace?: boolean;
  /** The limit of open files; what this process was started with unless given. */
  readonly openFiles?: Limit;
}

/**
 * Starts a program. It has default actions for the signals that the runtime
 * changed and none blocked; cwd, umask, ids, limits and the rest are those of
 * this process.
 *
 * @param argv the program, looked for in this process's PATH when it has no
 * slash, and what it is told
 * @throws {OsError} with `argv[0]` as the detail when the program cannot be run
 * or the working directory is not there: ENOENT, EACCES, ENOEXEC and more; EBADF
 * when a descriptor is not open or a number is above the child's limit; EPERM
 * or ENOSPC where there may be no pid namespace.
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
  const given = options.environment === undefined
    ? undefined
    : environmentVector(options.environment);
  const openFiles = options.openFiles ?? openFilesAtStart();
  using actions = new FileActions();
  using attributes = new Attributes(options.newSession ?? false);
  using _copies = giveDescriptors(actions, options.descriptors);
  if (options.cwd !== undefined) actions.changeDirectory(options.cwd);
  {
    // There is no attribute for limits: the child takes ours over.
    using _openFiles = withOpenFiles(openFiles);
    using _pids = options.newPidNamespace === true
      ? withPidNamespace()
      : undefined;
    using _own = withVariables(
      given === undefined
        ? saidToSuccessor(openFiles, Deno.env.toObject())
        : {},
    );
    checkNumber(
      libc().posix_spawnp(
        pid,
        file,
        actions.struct,
        attributes.struct,
        words,
        given ?? environ(),
      ),
      "posix_spawnp",
      program,
    );
  }
  return new Child(pid[0] ?? 0);
}

/**
 * Has the child open what it shall, and nothing else. Each descriptor is first
 * duplicated above every number that the child shall have: so no step of the
 * child overwrites what a later one needs, and none is a dup2 onto itself, which
 * would leave close-on-exec set.
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
    .filter((number) => {
      try {
        return !getCloexec(number);
      } catch (error) {
        // The descriptor that listed the directory is closed by now.
        if (error instanceof OsError && error.code === "EBADF") return false;
        throw error;
      }
    });
}

/** Of the functions that return the error number itself. */
function checkNumber(errno: number, syscall: string, detail?: string): void {
  check(-errno, syscall, detail);
}

/** What the child does with descriptors before exec, in this order. */
class FileActions implements Disposable {
  readonly struct = new Uint8Array(FILE_ACTIONS_SIZE);

  constructor() {
    checkNumber(
      libc().posix_spawn_file_actions_init(this.struct),
      "posix_spawn_file_actions_init",
    );
  }

  duplicate(source: number, target: number): void {
    checkNumber(
      libc().posix_spawn_file_actions_adddup2(this.struct, source, target),
      "posix_spawn_file_actions_adddup2",
      `descriptor ${target}`,
    );
  }

  close(number: number): void {
    checkNumber(
      libc().posix_spawn_file_actions_addclose(this.struct, number),
      "posix_spawn_file_actions_addclose",
      `descriptor ${number}`,
    );
  }

  open(number: number, path: string, flags: number): void {
    checkNumber(
      libc().posix_spawn_file_actions_addopen(
        this.struct,
        number,
        cString(path),
        flags,
        0,
      ),
      "posix_spawn_file_actions_addopen",
      path,
    );
  }

  changeDirectory(path: string): void {
    const name = "posix_spawn_file_actions_addchdir_np";
    const call = libc()[name];
    if (call === null) throw osError("ENOSYS", name, path);
    checkNumber(call(this.struct, cString(path)), name, path);
  }

  [Symbol.dispose](): void {
    checkNumber(
      libc().posix_spawn_file_actions_destroy(this.struct),
      "posix_spawn_file_actions_destroy",
    );
  }
}

/** What the child is like before exec. */
class Attributes implements Disposable {
  readonly struct = new Uint8Array(ATTRIBUTES_SIZE);

  constructor(newSession: boolean) {
    const none = new Uint8Array(SIGSET_SIZE);
    const ignored = new Uint8Array(SIGSET_SIZE);
    const flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
      (newSession ? POSIX_SPAWN_SETSID : 0);
    check(libc().sigemptyset(none), "sigemptyset");
    check(libc().sigemptyset(ignored), "sigemptyset");
    // Signals that are caught have their default action after exec anyway.
    check(libc().sigaddset(ignored, SIGNALS.SIGPIPE), "sigaddset");
    checkNumber(
      libc().posix_spawnattr_init(this.struct),
      "posix_spawnattr_init",
    );
    checkNumber(
      libc().posix_spawnattr_setsigmask(this.struct, none),
      "posix_spawnattr_setsigmask",
    );
    checkNumber(
      libc().posix_spawnattr_setsigdefault(this.struct, ignored),
      "posix_spawnattr_setsigdefault",
    );
    checkNumber(
      libc().posix_spawnattr_setflags(this.struct, flags),
      "posix_spawnattr_setflags",
    );
  }

  [Symbol.dispose](): void {
    checkNumber(
      libc().posix_spawnattr_destroy(this.struct),
      "posix_spawnattr_destroy",
    );
  }
}
