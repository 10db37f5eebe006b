/** What a command may know of the process it runs in. */

import { OsError } from "../../ffi/libc.ts";
import { NonblockingWriter } from "../../ffi/nonblocking_writer.ts";
import { asError } from "../errors.ts";

/** Standard output or standard error. */
export interface Output {
  /** Whether a person watches. */
  readonly isTerminal: boolean;
  /** Whether a line that was written can be written over. */
  readonly canOverwrite: boolean;
  /**
   * Writes all of `text`; nothing once the reader has gone. Never throws: an
   * update must not end half-way because nobody can be told of it.
   */
  write(text: string): void;
  /**
   * Writes as much of `text` as is taken at once: a terminal may be held by
   * ^S, and a guest must not stand still until somebody lets it go.
   */
  offer(text: string): void;
  /** Why not everything was written; undefined where the reader wants no more. */
  readonly failure: Error | undefined;
  /** Bits of colour, asked by the command library: 1 is none. */
  getColorDepth(): number;
}

/** The process as a command sees it. */
export interface CliProcess {
  readonly stdout: Output;
  readonly stderr: Output;
  /** How what is drawn should look on standard output. */
  readonly look: Look;
  /** Whether errors come with the place they were thrown. */
  readonly debug: boolean;
  /** Set by a command that ends otherwise than by an error. */
  exitCode?: number;
}

/** How to draw. */
export interface Look {
  /** Columns. */
  readonly width: number;
  readonly colour: boolean;
  readonly unicode: boolean;
}

/** What a report is drawn to where nothing says otherwise. */
const DEFAULT_WIDTH = 80;
/** Wider lines tire the eye. */
const MAX_WIDTH = 100;
/** Narrower, and bars have no room. */
const MIN_WIDTH = 48;

/** What the environment says of the terminal. */
export interface Preferences {
  /** It can only write lines. */
  readonly dumb: boolean;
  /** Colours: never, also where nobody watches, or where a person does. */
  readonly colour: "never" | "always" | "terminal";
  /** Whether it shows more than ASCII. */
  readonly unicode: boolean;
}

/** This process. */
export function hostProcess(): CliProcess {
  const preferences = preferencesOf((name) => Deno.env.get(name) ?? "");
  const stdout = output(Deno.stdout, 1, preferences);
  const stderr = output(Deno.stderr, 2, preferences);
  const debug = (Deno.env.get("CPRCTL_DEBUG") ?? "") !== "";
  const look = {
    width: stdout.isTerminal ? consoleWidth() : DEFAULT_WIDTH,
    colour: stdout.getColorDepth() > 1,
    unicode: preferences.unicode,
  };
  return { stdout, stderr, look, debug };
}

/** @param env gives a variable; empty where it is not set */
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
    // Where no locale is said at all, as under systemd, readers know UTF-8.
    unicode: !dumb && (locale === "" || /utf-?8/i.test(locale)),
  };
}

function output(
  target: typeof Deno.stdout,
  descriptor: number,
  { colour, dumb }: Preferences,
): Output {
  const isTerminal = target.isTerminal();
  let writer: NonblockingWriter | undefined;
  let readerGone = false;
  let failure: Error | undefined;
  return {
    isTerminal,
    canOverwrite: isTerminal && !dumb,
    get failure() {
      return failure;
    },
    getColorDepth: () =>
      colour === "always" || colour === "terminal" && isTerminal ? 8 : 1,
    offer(text: string): void {
      if (readerGone) return;
      try {
        writer ??= NonblockingWriter.over(descriptor);
        writer.write(new TextEncoder().encode(text));
      } catch (error) {
        if (!(error instanceof OsError)) throw error;
        readerGone = true; // what is offered is missed by nobody
      }
    },
    write(text: string): void {
      let rest = new TextEncoder().encode(text);
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

/** Whoever read has read enough, as head does, or has hung up. */
function isWithoutReader(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe ||
    error instanceof Error && "code" in error && error.code === "EIO";
}

function consoleWidth(): number {
  const { columns } = Deno.consoleSize();
  return Math.max(MIN_WIDTH, Math.min(MAX_WIDTH, columns));
}
