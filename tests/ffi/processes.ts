/**
 * Real processes for the tests, each with a deadline.
 *
 * @module
 */

import { assertEquals } from "@std/assert";

const DEADLINE_MS = 60_000;
const SOON_MS = 15_000;

export interface Ended {
  readonly code: number;
  readonly pid: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The command line that runs a program of tests/ffi/programs. */
export function program(name: string, ...args: string[]): string[] {
  const path = new URL(`programs/${name}.ts`, import.meta.url).pathname;
  return [Deno.execPath(), "run", "--allow-all", "--no-check", path, ...args];
}

/** Runs a command to its end; its environment is the given one and PATH. */
export async function run(
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const [file = "", ...args] = argv;
  const abort = new AbortController();
  const timer = setTimeout(() => abort.abort(), DEADLINE_MS);
  try {
    const child = new Deno.Command(file, {
      args,
      clearEnv: true,
      env: { ...inherited(), ...environment },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
      signal: abort.signal,
    }).spawn();
    const { code, stdout, stderr } = await child.output();
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return {
      code,
      pid: child.pid,
      stdout: decode(stdout),
      stderr: decode(stderr),
    };
  } finally {
    clearTimeout(timer);
  }
}

/** Runs a command that must succeed, and gives what it said. */
export async function said(
  argv: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<string> {
  const { code, stdout, stderr } = await run(argv, environment);
  assertEquals({ code, stderr }, { code: 0, stderr: "" });
  return stdout;
}

/**
 * Fails when a promise that is to be settled without waiting takes long; for
 * waits whose own deadline is far away.
 */
export async function soon<T>(promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("It hangs")), SOON_MS);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What Deno needs to start without asking the network or filling HOME. */
function inherited(): Record<string, string> {
  const names = ["PATH", "HOME", "DENO_DIR", "TMPDIR"];
  const kept: Record<string, string> = {};
  for (const name of names) {
    const value = Deno.env.get(name);
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}

/** One word for /bin/sh. */
export function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
}

/**
 * Masks out of /proc/PID/status, of the 31 signals that have names. The next two
 * are glibc's own; its posix_spawn, and so `Deno.Command`, ignores them in every
 * child.
 */
export function standardSignals(status: string): Record<string, bigint> {
  const masks = status.matchAll(/^(Sig\w+):\t([0-9a-f]{16})$/gm);
  return Object.fromEntries(
    [...masks].map(([, name = "", mask = ""]) =>
      [name, BigInt(`0x${mask}`) & 0x7fff_ffffn] as const
    ),
  );
}
