/** The process of a command. */

import { OsError } from "../../ffi/libc.ts";
import { NonblockingWriter } from "../../ffi/nonblocking_writer.ts";
import { asError } from "../errors.ts";

/** Standard output or standard error. */
export interface Output {
  /** Whether it is a terminal. */
  readonly isTerminal: boolean;
  /** Whether a line can be overwritten. */
  readonly canOverwrite: boolean;
  /**
   * Writes all of `text`, or nothing after the reader has closed the pipe.
   * Never throws: failing output must not end an update half-way.
   */
  write(text: string): void;
  /**
   * Writes as much of `text` as is possible without waiting: a terminal may be
   * stopped by ^S while the guest is stopped, too.
   */
  offer(text: string): void;
  /**
   * Why not everything was written; undefined if the reader closed the pipe.
   */
  readonly failure: Error | undefined;
  /** Whether anything was written. */
  readonly isUsed: boolean;
  /** Bits of colour, for the command library: 1 is none. */
  getColorDepth(): number;
}

/** The interface of the process to a command. */
export interface CliProcess {
  readonly stdout: Output;
  readonly stderr: Output;
  /** How to render on standard output. */
  readonly look: Look;
  /** Whether errors are printed with a stack trace. */
  readonly debug: boolean;
  /** Set by a command that does not end with an error. */
  exitCode?: number;
}

/** How to render. */
export interface Look {
  /** Columns. */
  readonly width: number;
  readonly colour: boolean;
  readonly unicode: boolean;
}

/** The width if it is not known. */
const DEFAULT_WIDTH = 80;
/** Wider lines are hard to read. */
const MAX_WIDTH = 100;
/** Bars need this width. */
const MIN_WIDTH = 48;

/** The terminal, according to the environment. */
export interface Preferences {
  /** Whether it can only print lines. */
  readonly dumb: boolean;
  /** When to use colours: never, always, or on a terminal. */
  readonly colour: "never" | "always" | "terminal";
  /** Whether it supports more than ASCII. */
  readonly unicode: boolean;
}

/** This process. */
export function hostProcess(): CliProcess {
  const preferences = preferencesOf((name) => Deno.env.get(name) ?? "");
  const stdout = output(Deno.stdout, 1, preferences);
  const stderr = output(Deno.stderr, 2, preferences);
  const debug = (Deno.env.get("CPRCTL_DEBUG") ?? "") !== "";
  const look = {
    width: widthOf(stdout.isTerminal ? Deno.consoleSize().columns : 0),
    colour: stdout.getColorDepth() > 1,
    unicode: preferences.unicode,
  };
  return { stdout, stderr, look, debug };
}

/** @param env returns a variable; empty if it is not set */
export function preferencesOf(env: (name: string) => string): Preferences {
  const dumb = env("TERM") === "dumb";
  const locale = env("LC_ALL") || env("LC_CTYPE") || env("LANG");
  return {
    dumb,
    colour: dumb || env("NO_COLOR") !== ""
      ? "never"
      : /^0?$/.test(env("CLICOLOR_FORCE"))
      ? "terminal"
      : "always",
    // Without a locale, as under systemd, assume UTF-8.
    unicode: !dumb && (locale === "" || /utf-?8/i.test(locale)),
  };
}

function output(
  target: typeof Deno.stdout,
  descriptor: number,
  { colour, dumb, unicode }: Preferences,
): Output {
  const isTerminal = target.isTerminal();
  const encoder = new TextEncoder();
  // Files and pipes get what was written: it may be JSON.
  const encode = (text: string) =>
    encoder.encode(isTerminal && !unicode ? inAscii(text) : text);
  let writer: NonblockingWriter | undefined;
  let readerGone = false;
  let failure: Error | undefined;
  let isUsed = false;
  return {
    isTerminal,
    canOverwrite: isTerminal && !dumb,
    get failure() {
      return failure;
    },
    get isUsed() {
      return isUsed;
    },
    getColorDepth: () =>
      colour === "always" || colour === "terminal" && isTerminal ? 8 : 1,
    offer(text: string): void {
      if (readerGone) return;
      try {
        writer ??= NonblockingWriter.over(descriptor);
        writer.write(encode(text));
      } catch (error) {
        if (!(error instanceof OsError)) throw error;
        readerGone = true; // what is offered is missed by nobody
      }
    },
    write(text: string): void {
      let rest = encode(text);
      isUsed ||= rest.length > 0;
      try {
        while (rest.length > 0 && !readerGone) {
          rest = rest.subarray(target.writeSync(rest));
        }
      } catch (error) {
        readerGone = true;
        if (!isWithoutReader(error)) {
          failure = asError(error);
        }
      }
    },
  };
}

const ASCII: Readonly<Record<string, string>> = {
  "→": ">",
  "…": "...",
  "×": "x",
};

/** The text for a terminal that may not know UTF-8. */
export function inAscii(text: string): string {
  return text.replaceAll(/[→…×]/g, (it) => ASCII[it] ?? it);
}

/** The reader has closed the pipe, as head does, or has hung up. */
function isWithoutReader(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe ||
    error instanceof Error && "code" in error && error.code === "EIO";
}

/**
 * The width to draw for.
 *
 * @param columns of the terminal; a serial console reports 0
 */
export function widthOf(columns: number): number {
  const known = columns === 0 ? DEFAULT_WIDTH : columns;
  return Math.max(MIN_WIDTH, Math.min(MAX_WIDTH, known));
}
