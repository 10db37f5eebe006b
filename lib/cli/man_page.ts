/**
 * The manual page cprctl(1), in the man macros of roff, from the same data as
 * `--help`.
 *
 * @module
 */

import {
  type Command,
  HELP_BRIEF,
  isRaw,
  type Options,
  type Program,
  type Section,
  VERSION_BRIEF,
} from "./command.ts";
import { DASHES_BRIEF, optionMeaning, optionTerm, usageLines } from "./help.ts";

/**
 * Writes the page.
 *
 * @param date of the release: YYYY-MM-DD
 */
export async function manPage(
  program: Program,
  version: string,
  date: string,
): Promise<string> {
  const { name, brief, description, commands, sections } = program;
  const lines = [
    `.TH ${name.toUpperCase()} 1 "${date}" "${name} ${version}" "User Commands"`,
    ".SH NAME",
    text(`${name} - ${brief.slice(0, 1).toLowerCase()}${brief.slice(1)}`),
    ".SH SYNOPSIS",
    styled(`${name} COMMAND [OPTION]... [ARGUMENT]...`),
    ".br",
    styled(`${name} COMMAND --help`),
    ".SH DESCRIPTION",
    ...paragraphs(description),
    ".SH OPTIONS",
    ...entry("-h, --help", HELP_BRIEF),
    ...entry("-v, --version", VERSION_BRIEF),
    ...entry("--", DASHES_BRIEF),
    ".SH COMMANDS",
  ];
  for (const command of commands) {
    lines.push(...await described(program, command));
  }
  lines.push(...sections.flatMap(section));
  return `${lines.join("\n")}\n`;
}

async function described(
  program: Program,
  command: Command,
): Promise<string[]> {
  const titles = usageLines(program, command)
    .map((line) => `.SS "${text(line)}"`);
  if (isRaw(command)) return [...titles, ...verbatim(await command.help())];
  const { brief, description, operands, options, examples } = command;
  return [
    ...titles,
    text(`${brief}.`),
    ".PP",
    ...paragraphs(description),
    ...operands.flatMap(({ name, brief }) => entry(name, brief)),
    ...optionEntries(options),
    ".PP",
    "Examples:",
    ...examples.flatMap(([line, purpose]) => [
      ...[".TP", `.B ${text(line)}`, text(`${purpose}.`)],
    ]),
  ];
}

function optionEntries(options: Options): string[] {
  return Object.entries(options).flatMap(([name, option]) =>
    entry(optionTerm(name, option).trim(), optionMeaning(option))
  );
}

function section({ title, rows }: Section): string[] {
  return [
    `.SH ${text(title)}`,
    ...rows.flatMap(([term, meaning]) => entry(term, meaning)),
  ];
}

/** A term with its meaning below. */
function entry(term: string, meaning: string): string[] {
  return [".TP", styled(term), text(`${meaning}.`)];
}

/** Words in bold, placeholders in italics. */
function styled(words: string): string {
  const marked = text(words).replaceAll(/\b[A-Z]{2,}\b/g, "\\fI$&\\fB");
  return `\\fB${marked}\\fR`;
}

function paragraphs(words: string): string[] {
  return words.split("\n\n").flatMap((paragraph, at) =>
    at === 0 ? [text(paragraph)] : [".PP", text(paragraph)]
  );
}

function verbatim(words: string): string[] {
  return [".PP", ".nf", ".RS 4", text(words.trimEnd()), ".RE", ".fi"];
}

/** Text with roff's special characters escaped. */
function text(words: string): string {
  return words.replaceAll("\\", "\\e").replaceAll("-", "\\-")
    .replaceAll(/^(?=[.'])/gm, "\\&");
}
