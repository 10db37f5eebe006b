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
 * ```
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

/**
 * The symbol table, by header. Sizes of integers are those of the LP64 ABI,
 * which x86-64 and aarch64 share.
 */
const SYMBOLS = {
  // <dirent.h>
  // ssize_t getdents64(int fd, void buffer[count], size_t count)
  getdents64: { parameters: ["i32", "buffer", "u64"], result: "i64" },

  // <errno.h>
  // int *__errno_location(void)
  __errno_location: { parameters: [], result: "pointer" },

  // <fcntl.h>; variadic arguments are passed like ordinary ones on both targets
  // int open(const char *path, int flags, ... mode_t mode)
  open: { parameters: ["buffer", "i32", "u32"], result: "i32" },
  open_on_thread: {
    name: "open",
    parameters: ["buffer", "i32", "u32"],
    result: "i32",
    nonblocking: true,
  },
  // int openat2(int directory, const char *path, const struct open_how *,
  // size_t);
  // glibc does not have it. The number is the same on every architecture
  openat2: {
    name: "syscall",
    parameters: ["i64", "i64", "buffer", "buffer", "u64"],
    result: "i32",
  },
  // int fcntl(int fd, int op, ... int arg)
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  // int posix_fadvise(int fd, off_t offset, off_t size, int advice); returns
  // the
  // error number itself, never -1
  posix_fadvise: { parameters: ["i32", "i64", "i64", "i32"], result: "i32" },

  // <linux/capability.h>
  // int capset(cap_user_header_t, const cap_user_data_t)
  capset: { parameters: ["buffer", "buffer"], result: "i32" },

  // <poll.h>
  // int poll(struct pollfd fds[], nfds_t nfds, int timeout)
  poll: { parameters: ["buffer", "u64", "i32"], result: "i32" },
  poll_on_thread: {
    name: "poll",
    parameters: ["buffer", "u64", "i32"],
    result: "i32",
    nonblocking: true,
  },

  // <sched.h>
  // int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *mask)
  sched_getaffinity: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  // int sched_setaffinity(pid_t pid, size_t size, const cpu_set_t *mask)
  sched_setaffinity: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  // int setns(int fd, int kind)
  setns: { parameters: ["i32", "i32"], result: "i32" },
  // int unshare(int flags)
  unshare: { parameters: ["i32"], result: "i32" },

  // <signal.h>
  // int sigaction(int signal, const struct sigaction *new, struct sigaction
  // *old)
  sigaction: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  // int sigemptyset(sigset_t *set)
  sigemptyset: { parameters: ["buffer"], result: "i32" },
  // int sigaddset(sigset_t *set, int signal)
  sigaddset: { parameters: ["buffer", "i32"], result: "i32" },

  // int kill(pid_t pid, int signal)
  kill: { parameters: ["i32", "i32"], result: "i32" },

  // <spawn.h>; all return the error number itself, never -1
  // int posix_spawnp(pid_t *pid, const char *file, const
  // posix_spawn_file_actions_t *,
  //   const posix_spawnattr_t *, char *const argv[], char *const envp[])
  posix_spawnp: {
    parameters: ["buffer", "buffer", "buffer", "buffer", "buffer", "buffer"],
    result: "i32",
  },
  // int posix_spawn_file_actions_init(posix_spawn_file_actions_t *)
  posix_spawn_file_actions_init: { parameters: ["buffer"], result: "i32" },
  // int posix_spawn_file_actions_destroy(posix_spawn_file_actions_t *)
  posix_spawn_file_actions_destroy: { parameters: ["buffer"], result: "i32" },
  // int posix_spawn_file_actions_adddup2(posix_spawn_file_actions_t *, int fd,
  // int newfd)
  posix_spawn_file_actions_adddup2: {
    parameters: ["buffer", "i32", "i32"],
    result: "i32",
  },
  // int posix_spawn_file_actions_addclose(posix_spawn_file_actions_t *, int fd)
  posix_spawn_file_actions_addclose: {
    parameters: ["buffer", "i32"],
    result: "i32",
  },
  // int posix_spawn_file_actions_addopen(posix_spawn_file_actions_t *, int fd,
  //   const char *path, int flags, mode_t mode); the path is copied
  posix_spawn_file_actions_addopen: {
    parameters: ["buffer", "i32", "buffer", "i32", "u32"],
    result: "i32",
  },
  // int posix_spawn_file_actions_addchdir_np(posix_spawn_file_actions_t *,
  //   const char *path); glibc 2.29
  posix_spawn_file_actions_addchdir_np: {
    parameters: ["buffer", "buffer"],
    result: "i32",
    optional: true,
  },
  // int posix_spawnattr_init(posix_spawnattr_t *)
  posix_spawnattr_init: { parameters: ["buffer"], result: "i32" },
  // int posix_spawnattr_destroy(posix_spawnattr_t *)
  posix_spawnattr_destroy: { parameters: ["buffer"], result: "i32" },
  // int posix_spawnattr_setflags(posix_spawnattr_t *, short flags)
  posix_spawnattr_setflags: { parameters: ["buffer", "i16"], result: "i32" },
  // int posix_spawnattr_setsigdefault(posix_spawnattr_t *, const sigset_t *)
  posix_spawnattr_setsigdefault: {
    parameters: ["buffer", "buffer"],
    result: "i32",
  },
  // int posix_spawnattr_setsigmask(posix_spawnattr_t *, const sigset_t *)
  posix_spawnattr_setsigmask: {
    parameters: ["buffer", "buffer"],
    result: "i32",
  },

  // <grp.h>
  // int setgroups(size_t count, const gid_t *groups)
  setgroups: { parameters: ["usize", "buffer"], result: "i32" },
  // long syscall(long number, ...): of the calling thread alone, where
  // setgroups
  // of the C library is of the process. The number differs: file_rights.ts
  setgroups_of_thread: {
    name: "syscall",
    parameters: ["i64", "usize", "buffer"],
    result: "i32",
  },

  // <string.h>
  // char *strerror(int errnum)
  strerror: { parameters: ["i32"], result: "pointer" },

  // <sys/eventfd.h>
  // int eventfd(unsigned int value, int flags)
  eventfd: { parameters: ["u32", "i32"], result: "i32" },

  // <sys/file.h>
  // int flock(int fd, int op)
  flock: { parameters: ["i32", "i32"], result: "i32" },

  // <sys/ioctl.h>
  // int ioctl(int fd, unsigned long request, ... void *argument)
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },

  // <sys/mman.h>
  // int memfd_create(const char *name, unsigned int flags)
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
  // void *mmap(void *address, size_t length, int protection, int flags, int fd,
  // off_t offset)
  mmap: {
    parameters: ["u64", "usize", "i32", "i32", "i32", "i64"],
    result: "i64",
  },
  // int madvise(void *addr, size_t length, int advice)
  madvise: { parameters: ["u64", "usize", "i32"], result: "i32" },
  // int munmap(void *address, size_t length)
  munmap: { parameters: ["u64", "usize"], result: "i32" },

  // <sys/mount.h>
  // int mount(const char *source, const char *target, const char *type,
  //   unsigned long flags, const void *data)
  mount: {
    parameters: ["buffer", "buffer", "buffer", "u64", "buffer"],
    result: "i32",
  },
  // int umount2(const char *target, int flags)
  umount2: { parameters: ["buffer", "i32"], result: "i32" },

  // <sys/resource.h>
  // int prlimit(pid_t pid, enum resource, const struct rlimit *new, struct
  // rlimit *old)
  prlimit: { parameters: ["i32", "i32", "buffer", "buffer"], result: "i32" },

  // <sys/socket.h>
  // int socket(int domain, int type, int protocol)
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  // int socketpair(int domain, int type, int protocol, int pair[2])
  socketpair: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  // int bind(int fd, const struct sockaddr *address, socklen_t size)
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  // int listen(int fd, int backlog)
  listen: { parameters: ["i32", "i32"], result: "i32" },
  // int accept4(int fd, struct sockaddr *address, socklen_t *size, int flags)
  accept4: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
  // int connect(int fd, const struct sockaddr *address, socklen_t size)
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  connect_on_thread: {
    name: "connect",
    parameters: ["i32", "buffer", "u32"],
    result: "i32",
    nonblocking: true,
  },
  // int getsockopt(int fd, int level, int name, void *value, socklen_t *size)
  getsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "buffer"],
    result: "i32",
  },
  // int getsockname(int fd, struct sockaddr *address, socklen_t *size)
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  // int setsockopt(int fd, int level, int name, const void *value, socklen_t
  // size)
  setsockopt: {
    parameters: ["i32", "i32", "i32", "buffer", "u32"],
    result: "i32",
  },
  // ssize_t sendmsg(int fd, const struct msghdr *, int flags)
  sendmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  // ssize_t recvmsg(int fd, struct msghdr *, int flags)
  recvmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  // int shutdown(int fd, int how)
  shutdown: { parameters: ["i32", "i32"], result: "i32" },

  // <sys/stat.h>
  // mode_t umask(mode_t mask)
  umask: { parameters: ["u32"], result: "i32" },
  // int fchmod(int fd, mode_t mode)
  fchmod: { parameters: ["i32", "u32"], result: "i32" },
  // int statx(int directory, const char *path, int flags, unsigned mask, struct
  // statx *);
  // the only stat whose struct is the same on every architecture
  statx: {
    parameters: ["i32", "buffer", "i32", "u32", "buffer"],
    result: "i32",
  },

  // <sys/wait.h>
  // int waitid(idtype_t type, id_t id, siginfo_t *info, int options)
  waitid: { parameters: ["i32", "u32", "buffer", "i32"], result: "i32" },

  // <unistd.h>
  // char **environ; the runtime returns the address of the variable
  environ: { type: "pointer" },
  // int close(int fd)
  close: { parameters: ["i32"], result: "i32" },
  // int execvp(const char *file, char *const argv[])
  execvp: { parameters: ["buffer", "buffer"], result: "i32" },
  // int execvpe(const char *file, char *const argv[], char *const envp[])
  execvpe: { parameters: ["buffer", "buffer", "buffer"], result: "i32" },
  // int pipe2(int fds[2], int flags)
  pipe2: { parameters: ["buffer", "i32"], result: "i32" },
  // int dup3(int fd, int target, int flags)
  dup3: { parameters: ["i32", "i32", "i32"], result: "i32" },
  // int chroot(const char *path)
  chroot: { parameters: ["buffer"], result: "i32" },
  // int fchdir(int fd)
  fchdir: { parameters: ["i32"], result: "i32" },
  // int fchown(int fd, uid_t owner, gid_t group)
  fchown: { parameters: ["i32", "u32", "u32"], result: "i32" },
  // int ftruncate(int fd, off_t size)
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  // int getgroups(int size, gid_t list[])
  getgroups: { parameters: ["i32", "buffer"], result: "i32" },
  // <sys/fsuid.h>; of the calling thread alone. The result is the id before,
  // and is also that when nothing was changed
  // int setfsuid(uid_t uid)
  setfsuid: { parameters: ["u32"], result: "u32" },
  // int setfsgid(gid_t gid)
  setfsgid: { parameters: ["u32"], result: "u32" },
  // uid_t geteuid(void)
  geteuid: { parameters: [], result: "u32" },
  // pid_t getppid(void)
  getppid: { parameters: [], result: "i32" },
  // int linkat(int directory, const char *path, int directory2, const char
  // *path2,
  //   int flags)
  linkat: {
    parameters: ["i32", "buffer", "i32", "buffer", "i32"],
    result: "i32",
  },
  // off_t lseek(int fd, off_t offset, int whence)
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },
  // int setresgid(gid_t real, gid_t effective, gid_t saved)
  setresgid: { parameters: ["u32", "u32", "u32"], result: "i32" },
  // int setresuid(uid_t real, uid_t effective, uid_t saved)
  setresuid: { parameters: ["u32", "u32", "u32"], result: "i32" },
  // ssize_t read(int fd, void *buffer, size_t count); Linux moves at most
  // 0x7ffff000 bytes in one call, so the result of all four fits 32 bits
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  read_on_thread: {
    name: "read",
    parameters: ["i32", "buffer", "usize"],
    result: "i32",
    nonblocking: true,
  },
  // ssize_t write(int fd, const void *buffer, size_t count)
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  // ssize_t pread(int fd, void *buffer, size_t count, off_t offset)
  pread: { parameters: ["i32", "buffer", "usize", "i64"], result: "i32" },
  pread_on_thread: {
    name: "pread",
    parameters: ["i32", "u64", "usize", "i64"],
    result: "i32",
    nonblocking: true,
  },
  // ssize_t pwrite(int fd, const void *buffer, size_t count, off_t offset)
  pwrite: { parameters: ["i32", "buffer", "usize", "i64"], result: "i32" },

  // long syscall(long number, ...): for what glibc has only since 2.41. The
  // numbers differ between architectures: scheduling.ts
  // int sched_getattr(pid_t tid, struct sched_attr *, unsigned int size,
  // unsigned int flags)
  sched_getattr: {
    name: "syscall",
    parameters: ["i64", "i64", "buffer", "i64", "i64"],
    result: "i32",
  },
  // int sched_setattr(pid_t tid, const struct sched_attr *, unsigned int flags)
  sched_setattr: {
    name: "syscall",
    parameters: ["i64", "i64", "buffer", "i64"],
    result: "i32",
  },

  // long syscall(long number, ...): for what glibc does not have at all. Its
  // number differs between architectures: priority_boost.ts
  // int futex(uint32_t *word, int op, uint32_t value, const struct timespec
  // *timeout)
  futex_on_thread: {
    name: "syscall",
    parameters: ["i64", "u64", "i64", "i64", "buffer"],
    result: "i64",
    nonblocking: true,
  },

  // <time.h>
  // int clock_gettime(clockid_t clock, struct timespec *)
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },

  // <sys/personality.h>
  // int personality(unsigned long persona)
  personality: { parameters: ["u64"], result: "i32" },

  // <sys/prctl.h>
  // int prctl(int operation, ... unsigned long)
  prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },

  // long syscall(long number, ...): for what glibc does not have at all. The
  // numbers of the first two differ between architectures: io_priority.ts
  // int ioprio_get(int which, int who)
  ioprio_get: {
    name: "syscall",
    parameters: ["i64", "i64", "i64"],
    result: "i32",
  },
  // int ioprio_set(int which, int who, int ioprio)
  ioprio_set: {
    name: "syscall",
    parameters: ["i64", "i64", "i64", "i64"],
    result: "i32",
  },
  // int userfaultfd(int flags)
  userfaultfd: {
    name: "syscall",
    parameters: ["i64", "i64"],
    result: "i32",
  },

  // long syscall(long number, ...): for what glibc has only since 2.36. The
  // numbers, from 424 up, are the same on every architecture
  // int pidfd_send_signal(int pidfd, int signal, siginfo_t *info, unsigned int
  // flags)
  pidfd_send_signal: {
    name: "syscall",
    parameters: ["i64", "i64", "i64", "u64", "i64"],
    result: "i32",
  },
  // int pidfd_open(pid_t pid, unsigned int flags)
  pidfd_open: {
    name: "syscall",
    parameters: ["i64", "i64", "i64"],
    result: "i32",
  },
  // long ptrace(enum request, pid_t pid, void *address, void *data)
  ptrace: { parameters: ["i32", "i32", "u64", "buffer"], result: "i64" },
  // int pidfd_getfd(int pidfd, int targetfd, unsigned int flags)
  pidfd_getfd: {
    name: "syscall",
    parameters: ["i64", "i64", "i64", "i64"],
    result: "i32",
  },
} as const satisfies Deno.ForeignLibraryInterface;

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
  const symbol: unknown =
    Deno.dlopen("libc.so.6", { [name]: definition }).symbols[name];
  const isPointer = "result" in definition && definition.result === "pointer";
  return isFunction(symbol) && !isPointer
    ? kernelConvention(symbol, errnoOfThread())
    : symbol;
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

/** Makes a foreign function return -errno where C returns -1 and sets errno. */
function kernelConvention(
  call: ForeignFunction,
  errno: Int32Array,
): ForeignFunction {
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

/**
 * Like {@link check}, and repeats a call that a signal interrupts.
 *
 * @throws {OsError} when the result is negative for another reason.
 */
export function checkRetrying(
  call: () => number,
  syscall: string,
  subject?: Subject,
): number {
  for (;;) {
    const result = call();
    if (result !== -EINTR) return check(result, syscall, subject);
  }
}
