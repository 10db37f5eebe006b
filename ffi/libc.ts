/**
 * The C library: every foreign symbol of the program is declared in this file.
 *
 * ## errno
 *
 * errno is one integer per thread, and the runtime may overwrite it between a
 * failing call and the read of errno. So every function with an integer result
 * is wrapped into the kernel's convention, in which the error *is* the result:
 *
 * ```
 *   fcntl(2) in C          -1, errno = 9      ─▶  libc().fcntl(…)  is  -9
 *   ssize_t read(2) in C   -1, errno = 21     ─▶  libc().read(…)   is  -21
 *   posix_spawn(3) in C    2                  ─▶  libc().posix_…   is  -2
 * ```
 *
 * `call` makes an {@link OsError} of that.
 *
 * The wrapper reads errno through a typed array that lies over the thread's
 * errno: a plain load, with no call between it and the return of the foreign
 * function. Results are declared as 32-bit integers wherever they fit, because
 * a bigint is an allocation, and an allocation may start a garbage collection.
 *
 * An isolate stays on its thread, so the address of errno never changes. Only a
 * `nonblocking` symbol runs on another thread; its result is returned unchanged
 * and its errno is not accessible.
 *
 * @module
 */

import { errnoName, errnoNumber } from "./errno.ts";

/** A function whose result is an int, or known to fit one. */
function int<const Parameters extends readonly Deno.NativeType[]>(
  ...parameters: Parameters
) {
  return { parameters, result: "i32" } as const;
}

/** A function whose result has 64 bits. */
function long<const Parameters extends readonly Deno.NativeType[]>(
  ...parameters: Parameters
) {
  return { parameters, result: "i64" } as const;
}

/** The function of that name, called on a thread of the runtime. */
function onThread<const Definition>(name: string, definition: Definition) {
  return { ...definition, name, nonblocking: true } as const;
}

/**
 * The symbol table, by header. Sizes of integers are those of the LP64 ABI,
 * which x86-64 and aarch64 share.
 */
const SYMBOLS = {
  // <dirent.h>
  // ssize_t getdents64(int fd, void buffer[count], size_t count)
  getdents64: int("i32", "buffer", "usize"),

  // <errno.h>
  // int *__errno_location(void)
  __errno_location: { parameters: [], result: "pointer" },

  // <fcntl.h>; variadic arguments are passed like ordinary ones on both targets
  // int open(const char *path, int flags, ... mode_t mode)
  open: int("buffer", "i32", "u32"),
  open_on_thread: onThread("open", int("buffer", "i32", "u32")),
  // int openat2(int directory, const char *path, const struct open_how *,
  // size_t)
  openat2: int("i32", "buffer", "buffer", "usize"),
  // int fcntl(int fd, int op, ... int arg)
  fcntl: int("i32", "i32", "i32"),
  // int posix_fadvise(int fd, off_t offset, off_t size, int advice)
  posix_fadvise: int("i32", "i64", "i64", "i32"),

  // <linux/capability.h>
  // int capset(cap_user_header_t, const cap_user_data_t)
  capset: int("buffer", "buffer"),

  // <poll.h>
  // int poll(struct pollfd fds[], nfds_t nfds, int timeout)
  poll: int("buffer", "u64", "i32"),
  poll_on_thread: onThread("poll", int("buffer", "u64", "i32")),

  // <sched.h>
  // int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *mask)
  sched_getaffinity: int("i32", "usize", "buffer"),
  // int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *mask)
  sched_setaffinity: int("i32", "usize", "buffer"),
  // int setns(int fd, int kind)
  setns: int("i32", "i32"),
  // int unshare(int flags)
  unshare: int("i32"),

  // <signal.h>
  // int sigaction(int signal, const struct sigaction *new, struct sigaction
  // *old)
  sigaction: int("i32", "buffer", "buffer"),
  // int sigemptyset(sigset_t *set)
  sigemptyset: int("buffer"),
  // int sigaddset(sigset_t *set, int signal)
  sigaddset: int("buffer", "i32"),

  // int kill(pid_t pid, int signal)
  kill: int("i32", "i32"),

  // <spawn.h>
  // int posix_spawnp(pid_t *pid, const char *file, const
  // posix_spawn_file_actions_t *,
  //   const posix_spawnattr_t *, char *const argv[], char *const envp[])
  posix_spawnp: int("buffer", "buffer", "buffer", "buffer", "buffer", "buffer"),
  // int posix_spawn_file_actions_init(posix_spawn_file_actions_t *)
  posix_spawn_file_actions_init: int("buffer"),
  // int posix_spawn_file_actions_destroy(posix_spawn_file_actions_t *)
  posix_spawn_file_actions_destroy: int("buffer"),
  // int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *, int fd,
  // int newfd)
  posix_spawn_file_actions_adddup2: int("buffer", "i32", "i32"),
  // int posix_spawn_file_actions_addclose(posix_spawn_file_actions_t *, int fd)
  posix_spawn_file_actions_addclose: int("buffer", "i32"),
  // int posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *, int fd,
  //   const char *path, int flags, mode_t mode); the path is copied
  posix_spawn_file_actions_addopen: int(
    "buffer",
    "i32",
    "buffer",
    "i32",
    "u32",
  ),
  // int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *,
  //   const char *path); glibc 2.29
  posix_spawn_file_actions_addchdir_np: {
    ...int("buffer", "buffer"),
    optional: true,
  },
  // int posix_spawnattr_init(posix_spawnattr_t *)
  posix_spawnattr_init: int("buffer"),
  // int posix_spawnattr_destroy(posix_spawnattr_t *)
  posix_spawnattr_destroy: int("buffer"),
  // int posix_spawnattr_setflags(posix_spawnattr_t *, short flags)
  posix_spawnattr_setflags: int("buffer", "i16"),
  // int posix_spawnattr_setsigdefault(posix_spawnattr_t *, const sigset_t *)
  posix_spawnattr_setsigdefault: int("buffer", "buffer"),
  // int posix_spawnattr_setsigmask(posix_spawnattr_t *, const sigset_t *)
  posix_spawnattr_setsigmask: int("buffer", "buffer"),

  // <grp.h>
  // int setgroups(size_t count, const gid_t *groups)
  setgroups: int("usize", "buffer"),
  // The system call: of the calling thread alone, where the function of the C
  // library is of the process
  setgroups_of_thread: int("usize", "buffer"),

  // <string.h>
  // char *strerror(int errnum)
  strerror: { parameters: ["i32"], result: "pointer" },

  // <sys/eventfd.h>
  // int eventfd(unsigned int value, int flags)
  eventfd: int("u32", "i32"),

  // <sys/file.h>
  // int flock(int fd, int op)
  flock: int("i32", "i32"),

  // <sys/ioctl.h>
  // int ioctl(int fd, unsigned long request, ... void *argument)
  ioctl: int("i32", "u64", "buffer"),

  // <sys/mman.h>
  // int memfd_create(const char *name, unsigned int flags)
  memfd_create: int("buffer", "u32"),
  // void *mmap(void *address, size_t length, int protection, int flags, int fd,
  // off_t offset)
  mmap: long("u64", "usize", "i32", "i32", "i32", "i64"),
  // int madvise(void *addr, size_t length, int advice)
  madvise: int("u64", "usize", "i32"),
  // int munmap(void *address, size_t length)
  munmap: int("u64", "usize"),

  // <sys/mount.h>
  // int mount(const char *source, const char *target, const char *type,
  //   unsigned long flags, const void *data)
  mount: int("buffer", "buffer", "buffer", "u64", "buffer"),
  // int umount2(const char *target, int flags)
  umount2: int("buffer", "i32"),

  // <sys/resource.h>
  // int prlimit(pid_t pid, enum resource, const struct rlimit *new, struct
  // rlimit *old)
  prlimit: int("i32", "i32", "buffer", "buffer"),

  // <sys/socket.h>
  // int socket(int domain, int type, int protocol)
  socket: int("i32", "i32", "i32"),
  // int socketpair(int domain, int type, int protocol, int pair[2])
  socketpair: int("i32", "i32", "i32", "buffer"),
  // int bind(int fd, const struct sockaddr *address, socklen_t size)
  bind: int("i32", "buffer", "u32"),
  // int listen(int fd, int backlog)
  listen: int("i32", "i32"),
  // int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
  accept4: int("i32", "buffer", "buffer", "i32"),
  // int connect(int fd, const struct sockaddr *address, socklen_t size)
  connect: int("i32", "buffer", "u32"),
  connect_on_thread: onThread("connect", int("i32", "buffer", "u32")),
  // int getsockopt(int fd, int level, int name, void *value, socklen_t *size)
  getsockopt: int("i32", "i32", "i32", "buffer", "buffer"),
  // int getsockname(int fd, struct sockaddr *address, socklen_t *size)
  getsockname: int("i32", "buffer", "buffer"),
  // int setsockopt(int fd, int level, int name, const void *value, socklen_t
  // size)
  setsockopt: int("i32", "i32", "i32", "buffer", "u32"),
  // ssize_t sendmsg(int fd, const struct msghdr *, int flags)
  sendmsg: int("i32", "buffer", "i32"),
  // ssize_t recvmsg(int fd, struct msghdr *, int flags)
  recvmsg: int("i32", "buffer", "i32"),
  // int shutdown(int fd, int how)
  shutdown: int("i32", "i32"),

  // <sys/stat.h>
  // mode_t umask(mode_t mask)
  umask: int("u32"),
  // int fchmod(int fd, mode_t mode)
  fchmod: int("i32", "u32"),
  // int statx(int directory, const char *path, int flags, unsigned mask, struct
  // statx *);
  // the only stat whose struct is the same on every architecture
  statx: int("i32", "buffer", "i32", "u32", "buffer"),

  // <sys/wait.h>
  // int getrusage(int who, struct rusage *usage)
  getrusage: int("i32", "buffer"),
  // pid_t wait4(pid_t pid, int *status, int options, struct rusage *usage)
  wait4: int("i32", "buffer", "i32", "buffer"),
  // int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
  waitid: int("i32", "u32", "buffer", "i32"),

  // <unistd.h>
  // char **environ; the runtime returns the address of the variable
  environ: { type: "pointer" },
  // int close(int fd)
  close: int("i32"),
  // int execvpe(const char *file, char *const argv[], char *const envp[])
  execvpe: int("buffer", "buffer", "buffer"),
  // int pipe2(int fds[2], int flags)
  pipe2: int("buffer", "i32"),
  // int dup3(int fd, int target, int flags)
  dup3: int("i32", "i32", "i32"),
  // int chroot(const char *path)
  chroot: int("buffer"),
  // int fchdir(int fd)
  fchdir: int("i32"),
  // int fchown(int fd, uid_t owner, gid_t group)
  fchown: int("i32", "u32", "u32"),
  // int ftruncate(int fd, off_t size)
  ftruncate: int("i32", "i64"),
  // int getgroups(int size, gid_t list[])
  getgroups: int("i32", "buffer"),
  // <sys/fsuid.h>; of the calling thread alone. The result is the id before,
  // and is also that when nothing was changed
  // int setfsuid(uid_t uid)
  setfsuid: { parameters: ["u32"], result: "u32" },
  // int setfsgid(gid_t gid)
  setfsgid: { parameters: ["u32"], result: "u32" },
  // uid_t geteuid(void)
  geteuid: { parameters: [], result: "u32" },
  // pid_t getppid(void)
  getppid: int(),
  // int linkat(int directory, const char *path, int directory2, const char
  // *path2,
  //   int flags)
  linkat: int("i32", "buffer", "i32", "buffer", "i32"),
  // off_t lseek(int fd, off_t offset, int whence)
  lseek: long("i32", "i64", "i32"),
  // int setresgid(gid_t real, gid_t effective, gid_t saved)
  setresgid: int("u32", "u32", "u32"),
  // int setresuid(uid_t real, uid_t effective, uid_t saved)
  setresuid: int("u32", "u32", "u32"),
  // ssize_t read(int fd, void *buffer, size_t count); Linux moves at most
  // 0x7ffff000 bytes in one call, so the result of all four fits 32 bits
  read: int("i32", "buffer", "usize"),
  read_on_thread: onThread("read", int("i32", "buffer", "usize")),
  // ssize_t write(int fd, const void *buffer, size_t count)
  write: int("i32", "buffer", "usize"),
  // ssize_t pread(int fd, void *buffer, size_t count, off_t offset)
  pread: int("i32", "buffer", "usize", "i64"),
  pread_on_thread: onThread("pread", int("i32", "u64", "usize", "i64")),
  // ssize_t pwrite(int fd, const void *buffer, size_t count, off_t offset)
  pwrite: int("i32", "buffer", "usize", "i64"),

  // <linux/sched.h>
  // int sched_getattr(pid_t tid, struct sched_attr *, unsigned int size,
  // unsigned int flags)
  sched_getattr: int("i32", "buffer", "u32", "u32"),
  // int sched_setattr(pid_t tid, const struct sched_attr *, unsigned int flags)
  sched_setattr: int("i32", "buffer", "u32"),

  // <linux/futex.h>
  // int futex(uint32_t *word, int op, uint32_t value, const struct timespec
  // *timeout)
  futex_on_thread: onThread("futex", int("u64", "i32", "u32", "buffer")),

  // <time.h>
  // int clock_gettime(clockid_t clock, struct timespec *)
  clock_gettime: int("i32", "buffer"),

  // <sys/personality.h>
  // int personality(unsigned long persona)
  personality: int("u64"),

  // <sys/prctl.h>
  // int prctl(int operation, ... unsigned long)
  prctl: int("i32", "u64", "u64", "u64", "u64"),

  // <linux/ioprio.h>
  // int ioprio_get(int which, int who)
  ioprio_get: int("i32", "i32"),
  // int ioprio_set(int which, int who, int ioprio)
  ioprio_set: int("i32", "i32", "i32"),

  // <linux/userfaultfd.h>
  // int userfaultfd(int flags)
  userfaultfd: int("i32"),

  // <sys/pidfd.h>
  // int pidfd_send_signal(int pidfd, int signal, siginfo_t *info, unsigned int
  // flags)
  pidfd_send_signal: int("i32", "i32", "buffer", "u32"),
  // int pidfd_open(pid_t pid, unsigned int flags)
  pidfd_open: int("i32", "u32"),
  // int pidfd_getfd(int pidfd, int targetfd, unsigned int flags)
  pidfd_getfd: int("i32", "i32", "u32"),

  // <sys/ptrace.h>
  // long ptrace(enum request, pid_t pid, void *address, void *data); no result
  // of those in use is larger than an int
  ptrace: int("i32", "i32", "u64", "buffer"),
  ptrace_with: { ...int("i32", "i32", "u64", "u64"), name: "ptrace" },
} as const satisfies Deno.ForeignLibraryInterface;

/**
 * Numbers of the system calls that glibc does not have, or only since 2.36
 * (pidfd) or 2.41 (sched): on x86-64 and on aarch64.
 */
const SYSTEM_CALLS: Readonly<Record<string, readonly [bigint, bigint]>> = {
  setgroups_of_thread: [116n, 159n],
  futex_on_thread: [202n, 98n],
  ioprio_set: [251n, 30n],
  ioprio_get: [252n, 31n],
  sched_setattr: [314n, 274n],
  sched_getattr: [315n, 275n],
  userfaultfd: [323n, 282n],
  pidfd_send_signal: [424n, 424n],
  pidfd_open: [434n, 434n],
  openat2: [437n, 437n],
  pidfd_getfd: [438n, 438n],
};

/**
 * The C library's functions; an integer result below zero is a negated errno.
 */
export type Libc = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

type ForeignFunction = (...args: unknown[]) => unknown;

let library: Libc | undefined;

/**
 * The C library. Each symbol is opened on first use: the runtime compiles a
 * trampoline for it, which takes a quarter of a millisecond, and code that runs
 * within the downtime needs only a few of them.
 */
export function libc(): Libc {
  return library ??= lazyLibrary();
}

function lazyLibrary(): Libc {
  const symbols = {};
  for (const [name, definition] of Object.entries(SYMBOLS)) {
    Object.defineProperty(symbols, name, {
      configurable: true,
      get() {
        const value = openSymbol(name, definition);
        Object.defineProperty(symbols, name, { value });
        return value;
      },
    });
  }
  return symbols as Libc;
}

/** A function, the address of a variable, or null if this glibc lacks it. */
function openSymbol(
  name: string,
  definition: Deno.ForeignFunction | Deno.ForeignStatic,
): unknown {
  if (!("parameters" in definition)) return open(name, definition);
  const number = SYSTEM_CALLS[name]?.[Deno.build.arch === "x86_64" ? 0 : 1];
  const symbol = number === undefined
    ? open(name, definition)
    : systemCall(number, name, definition);
  return isFunction(symbol) && definition.result !== "pointer"
    ? kernelConvention(name, symbol, errnoOfThread())
    : symbol;
}

function open(
  name: string,
  definition: Deno.ForeignFunction | Deno.ForeignStatic,
): unknown {
  return Deno.dlopen("libc.so.6", { [name]: definition }).symbols[name];
}

/** `long syscall(long number, ...)` */
function systemCall(
  number: bigint,
  name: string,
  definition: Deno.ForeignFunction,
): unknown {
  const parameters = ["i64", ...definition.parameters] as const;
  const call = open(name, { ...definition, name: "syscall", parameters });
  return isFunction(call)
    ? (...args: unknown[]) => call(number, ...args)
    : call;
}

function isFunction(symbol: unknown): symbol is ForeignFunction {
  return typeof symbol === "function";
}

let errno: Int32Array | undefined;

function errnoOfThread(): Int32Array {
  if (errno !== undefined) return errno;
  const location = libc().__errno_location();
  if (location === null) throw new Error("Cannot find errno: null pointer");
  return errno = new Int32Array(
    Deno.UnsafePointerView.getArrayBuffer(location, 4),
  );
}

/**
 * Makes a foreign function return -errno where C returns -1 and sets errno, or
 * where a function of POSIX returns the error number itself.
 */
function kernelConvention(
  name: string,
  call: ForeignFunction,
  errno: Int32Array,
): ForeignFunction {
  if (name.startsWith("posix_")) return (...args) => 0 - Number(call(...args));
  return (...args) => {
    const result = call(...args);
    const code = errno[0] ?? 0;
    if (result === -1) return -code;
    if (result === -1n) return BigInt(-code);
    return result;
  };
}

/** A system call failed. */
export class OsError extends Error {
  override readonly name: string = "OsError";
  /** "ENOENT" */
  readonly code: string;
  /** "No such file or directory" */
  readonly description: string;

  constructor(
    /** 2 */
    readonly errno: number,
    /** "open" */
    readonly syscall: string,
    /** The argument: a path, "descriptor 7", a program's name. */
    readonly detail?: string,
    description = strerror(errno),
  ) {
    const code = errnoName(errno);
    const object = detail === undefined ? "" : ` "${detail}"`;
    super(`Cannot ${syscall}${object}: ${description} (${code})`);
    this.code = code;
    this.description = description;
  }
}

/** The error of the given name, for a failure without a system call. */
export function osError(
  code: string,
  syscall: string,
  detail?: string,
): OsError {
  return new OsError(errnoNumber(code), syscall, detail);
}

/**
 * What comes of an action; undefined if a system call in it fails, with one of
 * these codes if any is given.
 */
export function ifPossible<T>(
  action: () => T,
  ...codes: string[]
): T | undefined {
  try {
    return action();
  } catch (error) {
    const isExpected = error instanceof OsError &&
      (codes.length === 0 || codes.includes(error.code));
    if (isExpected) return undefined;
    throw error;
  }
}

function strerror(errno: number): string {
  const text = libc().strerror(errno);
  return text === null ? "" : Deno.UnsafePointerView.getCString(text);
}

/** The argument of a call: a text, or the number of a descriptor. */
export type Subject = string | number;

function describe(subject: Subject | undefined): string | undefined {
  return typeof subject === "number" ? `descriptor ${subject}` : subject;
}

/**
 * Returns a result, or throws the error in it.
 *
 * @throws {OsError} when the result is negative.
 */
export function check(
  result: number,
  syscall: string,
  subject?: Subject,
): number {
  if (result >= 0) return result;
  throw new OsError(-result, syscall, describe(subject));
}

const EINTR = errnoNumber("EINTR");
const ENOSYS = errnoNumber("ENOSYS");

/** A function that fails with an error number, at once or later. */
type Fallible = {
  [Name in keyof Libc]: Arguments<Name> extends never ? never : Name;
}[keyof Libc];

type Arguments<Name extends keyof Libc> = NonNullable<Libc[Name]> extends
  (...args: infer Args) => number | bigint ? Args : never;

function resultOf<Name extends Fallible>(
  name: Name,
  args: Readonly<Arguments<Name>>,
): number {
  const call: unknown = libc()[name];
  return isFunction(call) ? Number(call(...args)) : -ENOSYS;
}

/**
 * Calls a function of the C library.
 *
 * @param subject what it is about, for the message
 * @throws {OsError} when it fails; ENOSYS when this C library lacks it.
 */
export function call<Name extends Fallible>(
  name: Name,
  args: Readonly<Arguments<Name>>,
  subject?: Subject,
): number {
  return check(resultOf(name, args), name, subject);
}

/**
 * Like {@link call}, and repeats the call if a signal interrupts it.
 *
 * @throws {OsError} when it fails for another reason.
 */
export function callRetrying<Name extends Fallible>(
  name: Name,
  args: Readonly<Arguments<Name>>,
  subject?: Subject,
): number {
  for (;;) {
    const result = resultOf(name, args);
    if (result !== -EINTR) return check(result, name, subject);
  }
}
