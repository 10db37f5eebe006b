/** The text of `--help`, for 80 columns. */

import { unicodeWidth } from "@std/cli";
import {
  type Command,
  type DefinedCommand,
  HELP_BRIEF,
  isRaw,
  isValued,
  optionSynopsis,
  type Program,
  type Switch,
  type Valued,
  VERSION_BRIEF,
} from "./command.ts";
import { columnsOf, padEnd, wrap } from "./wording/columns.ts";

/** What ends the options of a command. */
export const DASHES_BRIEF = "End of options";

const WIDTH = 80;
const INDENT = "  ";
/** Between a term and its meaning. */
const GAP = "  ";
/** A longer term has a line of its own. */
const LONGEST_TERM = 28;

type Row = readonly [term: string, meaning: string];

/** The help of the program: its commands and common sections. */
export function programHelp(program: Program): string {
  const { name, description, commands, sections } = program;
  return joined([
    section(
      "USAGE",
      [
        `${name} COMMAND [OPTION]... [ARGUMENT]...`,
        `${name} COMMAND --help`,
      ].map(indented),
    ),
    paragraphs(description),
    section("COMMANDS", table(commands.map((it) => [it.name, it.brief]))),
    section(
      "OPTIONS",
      table([
        ["-h, --help", HELP_BRIEF],
        ["-v, --version", VERSION_BRIEF],
      ]),
    ),
    ...sections.map(({ title, rows }) => section(title, table(rows))),
  ]);
}

/** The help of a command. */
export async function commandHelp(
  program: Program,
  command: Command,
): Promise<string> {
  if (isRaw(command)) return await command.help();
  const { description, options, operands, examples } = command;
  return joined([
    section("USAGE", usageLines(program, command).map(indented)),
    paragraphs(description),
    section(
      "ARGUMENTS",
      table(operands.map(({ name, brief }) => [name, brief])),
    ),
    section(
      "OPTIONS",
      table([
        ...Object.entries(options).map(([name, option]): Row => [
          optionTerm(name, option),
          optionMeaning(option),
        ]),
        ["-h, --help", HELP_BRIEF],
        ["    --", DASHES_BRIEF],
      ]),
    ),
    section("EXAMPLES", table(examples, WIDTH)),
  ]);
}

/** The synopsis of a command, one line for each form. */
export function usageLines(
  program: Program,
  command: Command,
): readonly string[] {
  const forms = isRaw(command)
    ? command.usage
    : command.usage ?? [defaultUsage(command)];
  return forms.map((form) => `${program.name} ${command.name} ${form}`.trim());
}

function defaultUsage({ options, operands }: DefinedCommand): string {
  return [
    ...Object.keys(options).length === 0 ? [] : ["[OPTION]..."],
    ...operands.map(({ name, optional }) => optional ? `[${name}]` : name),
  ].join(" ");
}

/** With its letter, or room for one: `-v, --verbose`. */
export function optionTerm(
  name: string,
  option: Switch | Valued<unknown>,
): string {
  const letter = isValued(option) ? undefined : option.short;
  const lead = letter === undefined ? " ".repeat(4) : `-${letter}, `;
  return lead + optionSynopsis(name, option);
}

/** The meaning of an option, with its default. */
export function optionMeaning(option: Switch | Valued<unknown>): string {
  return isValued(option) && option.default !== undefined
    ? `${option.brief} (default: ${option.default})`
    : option.brief;
}

/** Terms and their meanings in two columns. */
function table(rows: readonly Row[], longest = LONGEST_TERM): string[] {
  const width = Math.min(longest, columnsOf(rows.map(([term]) => term)));
  const indent = INDENT.length + width + GAP.length;
  return rows.map(([term, meaning]) => {
    const text = wrap(meaning, { width: WIDTH, lead: indent, indent });
    const head = `${INDENT}${padEnd(term, width)}${GAP}`;
    return unicodeWidth(term) <= width
      ? `${head}${text}`.trimEnd()
      : `${INDENT}${term}\n${" ".repeat(indent)}${text}`;
  });
}

function indented(line: string): string {
  return INDENT + line;
}

function paragraphs(text: string): string {
  return text.split("\n\n")
    .map((it) => wrap(it, { width: WIDTH, lead: 0, indent: 0 }))
    .join("\n\n");
}

/** Empty if there are no lines. */
function section(title: string, lines: readonly string[]): string {
  return lines.length === 0 ? "" : [title, ...lines].join("\n");
}

function joined(parts: readonly string[]): string {
  return parts.filter((it) => it !== "").join("\n\n") + "\n";
}
