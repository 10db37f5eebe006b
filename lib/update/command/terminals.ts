import type { CommandLine } from "./command_line.ts";

const PTY = "pty";
const PATH = /^(?:mon:)?pty:(.+)$/;
/** Keys of a terminal that QEMU makes again without being told more. */
const PLAIN = ["backend", "id"];

/**
 * The labels of character devices that are a pseudo-terminal and nothing else:
 * no log is kept of them, and no link made.
 */
export function plainTerminals(commandLine: CommandLine): string[] {
  const named = commandLine.values("chardev")
    .filter((it) => it.get("backend") === PTY)
    .filter(({ entries }) => entries.every(({ key }) => PLAIN.includes(key)))
    .flatMap((it) => it.get("id") ?? []);
  const ports = commandLine.texts("serial")
    .flatMap((it, index) => it === PTY ? [`serial${index}`] : []);
  return [...named, ...ports];
}

/** The links that a program makes to its terminals. */
export function terminalLinks(commandLine: CommandLine): string[] {
  return [
    ...commandLine.values("chardev")
      .filter((it) => it.get("backend") === PTY)
      .flatMap((it) => it.get("path") ?? []),
    ...commandLine.texts("serial", "parallel", "monitor", "debugcon")
      .flatMap((it) => PATH.exec(it)?.[1] ?? []),
  ];
}
