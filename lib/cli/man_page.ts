/**
 * The manual page cprctl(1), in the man macros of roff, from the same
 * definitions as `--help`.
 *
 * @module
 */

import type { Command, RouteMap } from "@stricli/core";
import type { CliContext } from "./context.ts";
import { splitExamples } from "./examples.ts";

/** What the page is made from. */
export interface ManSource {
  readonly routes: RouteMap<CliContext>;
  readonly version: string;
  /** The help of commands that read their words themselves, by name. */
  readonly rawHelp: Readonly<Record<string, string>>;
}

type Parameters = Command<CliContext>["parameters"];
type Flags = NonNullable<Parameters["flags"]>;
type Flag = Flags[string];

/** Writes the page. */
export function manPage({ routes, version, rawHelp }: ManSource): string {
  const lines = [
    `.TH CPRCTL 1 "" "cprctl ${version}" "User Commands"`,
    ".SH NAME",
    text(`cprctl - ${inSentence(routes.brief)}`),
    ".SH SYNOPSIS",
    ".B cprctl",
    ".I COMMAND",
    "[",
    ".I OPTION",
    "]...",
    ".br",
    ".B cprctl",
    ".I COMMAND",
    ".B \\-\\-help",
    ".SH DESCRIPTION",
    ...described(routes.fullDescription ?? routes.brief),
    ".SH COMMANDS",
  ];
  for (const { name, target } of routes.getAllEntries()) {
    if (!("parameters" in target)) continue;
    lines.push(...command(name.original, target, rawHelp[name.original]));
  }
  return `${lines.join("\n")}\n`;
}

function inSentence(brief: string): string {
  return brief.slice(0, 1).toLowerCase() + brief.slice(1);
}

function command(
  name: string,
  target: Command<CliContext>,
  rawHelp: string | undefined,
): string[] {
  const title = `.SS "cprctl ${[name, ...operands(target)].join(" ")}"`;
  if (rawHelp !== undefined) return [title, ...verbatim(rawHelp)];
  const { description, examples } = splitExamples(target.fullDescription ?? "");
  return [
    title,
    text(`${target.brief}.`),
    ".PP",
    ...described(description),
    ...options(target.parameters.flags ?? {}),
    ".PP",
    "Examples:",
    ...verbatim(examples),
  ];
}

function operands({ parameters: { positional } }: Command<CliContext>) {
  if (positional === undefined) return [];
  if (positional.kind === "array") {
    return [`${(positional.parameter.placeholder ?? "word").toUpperCase()}...`];
  }
  return positional.parameters.map(({ placeholder = "word", optional }) => {
    const word = placeholder.toUpperCase();
    return optional === true ? `[${word}]` : word;
  });
}

function options(flags: Flags): string[] {
  return Object.entries(flags).flatMap(([name, flag]) => [
    ".TP",
    `.B ${text(`--${name}`)}${value(flag)}`,
    text(`${flag.brief}${defaultOf(flag)}.`),
  ]);
}

function value(flag: Flag): string {
  if (flag.kind === "boolean") return "";
  const word = (flag.placeholder ?? "value").toUpperCase();
  const optional = "inferEmpty" in flag && flag.inferEmpty === true;
  return ` \\fI${optional ? `[${word}]` : word}\\fR`;
}

function defaultOf(flag: Flag): string {
  if (flag.kind === "boolean" || !("default" in flag)) return "";
  return flag.default === undefined ? "" : ` (default: ${flag.default})`;
}

/** Paragraphs; what is indented, or has a heading of capitals, stays as it is. */
function described(description: string): string[] {
  return description.split("\n\n").flatMap((paragraph, at) => {
    const [first = "", ...rest] = paragraph.split("\n");
    const heading = /^[A-Z ]+$/.test(first);
    const words = rest.some((line) => line.startsWith(" "))
      ? heading
        ? [`.SH ${text(first)}`, ...verbatim(rest.join("\n"))]
        : verbatim(paragraph)
      : [text(paragraph)];
    return at === 0 || heading ? words : [".PP", ...words];
  });
}

function verbatim(paragraph: string): string[] {
  return [".PP", ".nf", ".RS 4", text(paragraph.trimEnd()), ".RE", ".fi"];
}

/** Text that roff takes for nothing else. */
function text(words: string): string {
  return words.replaceAll("\\", "\\e").replaceAll("-", "\\-")
    .replaceAll(/^(?=[.'])/gm, "\\&");
}
