/**
 * Signals and their numbers, the same on x86-64 and aarch64.
 *
 * @module
 */

/** By number, from 1. */
const NAMES = [
  ...["SIGHUP", "SIGINT", "SIGQUIT", "SIGILL", "SIGTRAP", "SIGABRT"],
  ...["SIGBUS", "SIGFPE", "SIGKILL", "SIGUSR1", "SIGSEGV", "SIGUSR2"],
  ...["SIGPIPE", "SIGALRM", "SIGTERM", "SIGSTKFLT", "SIGCHLD", "SIGCONT"],
  ...["SIGSTOP", "SIGTSTP", "SIGTTIN", "SIGTTOU", "SIGURG", "SIGXCPU"],
  ...["SIGXFSZ", "SIGVTALRM", "SIGPROF", "SIGWINCH", "SIGIO", "SIGPWR"],
  ...["SIGSYS"],
] as const;

export type SignalName = typeof NAMES[number];

/** 9 for "SIGKILL". */
export function signalNumber(name: SignalName): number {
  return NAMES.indexOf(name) + 1;
}

/** "SIGKILL" for 9; "SIG34" for a number without a name. */
export function signalName(number: number): string {
  return NAMES[number - 1] ?? `SIG${number}`;
}
