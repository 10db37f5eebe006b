/**
 * Character devices on a command line. The short form names one in the value of
 * another option:
 *
 * ```
 * value = [ "mon:" ] ( "file:" path | kind ":" address { "," key=value } | … )
 * kind  = "unix" | "tcp" | "telnet" | "tn3270" | "websocket" | …
 * ```
 *
 * @module
 */

import {
  type Argument,
  KeyvalText,
  type OptionValue,
} from "../../cmdline/mod.ts";
import type { CommandLine } from "./command_line.ts";

/** Options whose value names a character device. */
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

/** QEMU does not count monitors on a -chardev, so that the others' numbers move. */
const MONITORS = ["monitor", "qmp", "qmp-pretty"];

/**
 * The id with which -chardev can make the device that an option names: the label
 * that QEMU gives it. The debug console finds its device by that label only.
 */
export function deviceId(argument: Argument, all: readonly Argument[]): string {
  const { option } = argument;
  if (option === "debugcon") return option;
  const before = all.slice(0, all.indexOf(argument))
    // A serial port "none" is counted too.
    .filter((each) => each.option === option)
    .filter(({ value }) => option === "serial" || value !== "none");
  return `${
    MONITORS.includes(option) ? `file-of-${option}` : option
  }${before.length}`;
}

const PTY = "pty";
const LINKED_PTY = /^(?:mon:)?pty:(.+)$/;
/** Keys of a terminal that QEMU makes again without being told more. */
const PLAIN_PTY = ["backend", "id"];

/**
 * The labels of character devices that are a pseudo-terminal and nothing else:
 * without a log, and without a link to it.
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

/** The links that a program makes to its pseudo-terminals. */
export function terminalLinks(commandLine: CommandLine): string[] {
  return [
    ...commandLine.where("chardev", "backend", PTY)
      .flatMap((it) => it.get("path") ?? []),
    ...commandLine.texts("serial", "parallel", "monitor", "debugcon")
      .flatMap((it) => LINKED_PTY.exec(it)?.[1] ?? []),
  ];
}
