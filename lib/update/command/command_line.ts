import {
  type Argument,
  keysOf,
  KeyvalText,
  type OptionTable,
  type OptionValue,
  parseArguments,
  QEMU_OPTIONS,
} from "../../cmdline/mod.ts";
import type { ProgramName } from "../vm/facts.ts";

/** The options that a VM was started with, or will be. */
export class CommandLine {
  readonly #arguments: readonly Argument[];

  private constructor(
    readonly program: ProgramName,
    options: readonly Argument[],
  ) {
    this.#arguments = options;
  }

  /** @throws {CmdlineError} when an option is not known */
  static parse(
    program: ProgramName,
    argv: readonly string[],
    options?: OptionTable,
  ): CommandLine {
    return new CommandLine(
      program,
      parseArguments(argv.slice(firstOption(program, argv)), options),
    );
  }

  /**
   * The same where the program cannot be asked: an option that only it knows is
   * taken to have a value if the next word is no option.
   *
   * @throws {CmdlineError} when the last option lacks its value
   */
  static guess(program: ProgramName, argv: readonly string[]): CommandLine {
    const guessed = argv.flatMap((word, at) => {
      const name = /^--?(.+)/.exec(word)?.[1];
      const takesValue = argv[at + 1]?.startsWith("-") === false;
      return name === undefined ? [] : [[name, { takesValue }] as const];
    });
    const options = new Map([...guessed, ...QEMU_OPTIONS]);
    return CommandLine.parse(program, argv, options);
  }

  /** Every use of an option, in order. */
  get uses(): (Argument & { readonly keys: () => OptionValue })[] {
    return this.#arguments.map((argument) => ({
      ...argument,
      keys: () => keysOf(argument),
    }));
  }

  /** Whether an option is given. */
  has(option: string): boolean {
    return this.#arguments.some((argument) => argument.option === option);
  }

  /** The values of an option as they are written, in order. */
  texts(...options: readonly string[]): string[] {
    return this.#arguments.flatMap(({ option, value }) =>
      options.includes(option) && value !== undefined ? [value] : []
    );
  }

  /**
   * The values of an option by their keys, in order.
   *
   * @throws {CmdlineError} when a value has none
   */
  values(...options: readonly string[]): OptionValue[] {
    return this.#arguments.filter(({ option }) => options.includes(option))
      .map((argument) => keysOf(argument));
  }

  /** The values of an option in which a key has one of these values. */
  where(option: string, key: string, ...wanted: string[]): OptionValue[] {
    return this.values(option).filter((value) =>
      wanted.includes(value.get(key) ?? "")
    );
  }

  /** The values that a key has, over all uses of an option. */
  all(option: string, key: string): string[] {
    return this.values(option).flatMap((value) => value.get(key) ?? []);
  }
}

/** Where the options begin: the embedded machine is a subcommand. */
export function firstOption(
  program: ProgramName,
  argv: readonly string[],
): number {
  return program === "cprctl" ? argv.indexOf("machine") + 1 : 1;
}

/**
 * Options whose value names a character device, in a short form:
 *
 * ```
 * value = [ "mon:" ] ( "file:" path | kind ":" address { "," key=value } | … )
 * kind  = "unix" | "tcp" | "telnet" | "tn3270" | "websocket" | …
 * ```
 */
export const DEVICE_OPTIONS = [
  "serial",
  "parallel",
  "debugcon",
  "monitor",
  "qmp",
  "qmp-pretty",
  "gdb",
] as const;

const FILE = "file:";
const SOCKET = /^(?:mon:)?(?:unix|tcp|telnet|tn3270|websocket):/;

/** A socket that an option's value names. */
export interface NamedSocket {
  /** Such as "unix:". */
  readonly prefix: string;
  readonly keys: OptionValue;
}

/** The socket that a value names; undefined if it names none. */
export function namedSocket(value: string): NamedSocket | undefined {
  const prefix = SOCKET.exec(value)?.[0];
  if (prefix === undefined) return undefined;
  return { prefix, keys: KeyvalText.parse(value.slice(prefix.length), "path") };
}

/** The file that a value names, commas included; undefined if it names none. */
export function namedFile(value: string): string | undefined {
  return value.startsWith(FILE) ? value.slice(FILE.length) : undefined;
}

/**
 * QEMU does not number monitors on a -chardev, so the numbers of others change.
 */
const MONITORS = ["monitor", "qmp", "qmp-pretty"];

/**
 * The id with which -chardev can make the device that an option names: the
 * label that QEMU gives it. The debug console finds its device by that label
 * only.
 */
export function deviceId(argument: Argument, all: readonly Argument[]): string {
  const { option } = argument;
  if (option === "debugcon") return option;
  const before = all.slice(0, all.indexOf(argument))
    // QEMU numbers a serial port "none" as well.
    .filter((each) => each.option === option)
    .filter(({ value }) => option === "serial" || value !== "none");
  return `${
    MONITORS.includes(option) ? `file-of-${option}` : option
  }${before.length}`;
}

const PTY = "pty";
const LINKED_PTY = /^(?:mon:)?pty:(.+)$/;
/** The keys of a terminal that QEMU can open again without others. */
const PLAIN_PTY = ["backend", "id"];

/**
 * The labels of character devices that are just a pseudo-terminal, with no log
 * file and no link to it.
 */
export function plainTerminals(commandLine: CommandLine): string[] {
  const named = commandLine.where("chardev", "backend", PTY)
    .filter(({ entries }) =>
      entries.every(({ key }) => PLAIN_PTY.includes(key))
    )
    .flatMap((it) => it.get("id") ?? []);
  const ports = commandLine.texts("serial")
    .flatMap((it, index) => it === PTY ? [`serial${index}`] : []);
  return [...named, ...ports];
}

/** The links that the program creates to its pseudo-terminals. */
export function terminalLinks(commandLine: CommandLine): string[] {
  return [
    ...commandLine.where("chardev", "backend", PTY)
      .flatMap((it) => it.get("path") ?? []),
    ...commandLine.texts("serial", "parallel", "monitor", "debugcon")
      .flatMap((it) => LINKED_PTY.exec(it)?.[1] ?? []),
  ];
}
