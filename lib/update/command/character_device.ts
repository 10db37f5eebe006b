/**
 * The old way to name a character device, right in the value of an option:
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

/** The socket that a value names; undefined where it names none. */
export function namedSocket(value: string): NamedSocket | undefined {
  const prefix = SOCKET.exec(value)?.[0];
  if (prefix === undefined) return undefined;
  return { prefix, keys: KeyvalText.parse(value.slice(prefix.length), "path") };
}

/** The file that a value names, commas and all; undefined where it names none. */
export function namedFile(value: string): string | undefined {
  return value.startsWith(FILE) ? value.slice(FILE.length) : undefined;
}

/** Monitors are numbered but for those of -chardev, so that numbers move. */
const MONITORS = ["monitor", "qmp", "qmp-pretty"];

/**
 * The id under which a device that an option names can be made by -chardev: the
 * label that QEMU gives it. The debug console finds its device by no other.
 */
export function deviceId(argument: Argument, all: readonly Argument[]): string {
  const { option } = argument;
  if (option === "debugcon") return option;
  const before = all.slice(0, all.indexOf(argument))
    // Of serial ports, "none" is one too.
    .filter((each) => each.option === option)
    .filter(({ value }) => option === "serial" || value !== "none");
  return `${
    MONITORS.includes(option) ? `file-of-${option}` : option
  }${before.length}`;
}
