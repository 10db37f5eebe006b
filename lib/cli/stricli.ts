/**
 * Parses the command line with @stricli/core. No other file depends on that
 * library, so that it can be replaced here.
 *
 * @module
 */

import {
  AliasNotFoundError,
  type Application,
  type ApplicationText,
  ArgumentParseError,
  ArgumentScannerError,
  buildApplication,
  buildCommand,
  buildRouteMap,
  type Command as Route,
  ExitCode,
  FlagNotFoundError,
  proposeCompletions,
  run,
  text_en,
  type TypedCommandParameters,
  UnexpectedFlagError,
  UnexpectedPositionalError,
  UnsatisfiedFlagError,
  UnsatisfiedPositionalError,
} from "@stricli/core";
import { messageOf, UsageError } from "../errors.ts";
import { jsonText } from "../inert.ts";
import { VERSION } from "../version.ts";
import {
  type CliContext,
  type Command,
  type DefinedCommand,
  HELP_BRIEF,
  isRaw,
  isValued,
  type Operand,
  optionSynopsis,
  type Program,
  type Switch,
  type Value,
  type Valued,
  VERSION_BRIEF,
} from "./command.ts";
import { errorDocument, errorText, exitCodeOf } from "./wording/errors.ts";

const USAGE_ERROR = 2;
const INTERNAL_ERROR = 1;

/** A word with at most two typing errors is suggested. */
const TYPING_SLIPS = {
  threshold: 4,
  weights: { insertion: 2, deletion: 2, substitution: 2, transposition: 1 },
};

/**
 * Runs the command of a command line.
 *
 * @returns the exit code; every error has been printed
 */
export async function runWords(
  all: readonly string[],
  context: CliContext,
): Promise<number> {
  const { process, program } = context;
  const words = all[0] === "--" ? all.slice(1) : all;
  const [name] = words;
  const command = program.commands.find((it) => it.name === name);
  // With --json, an error is the document unless there is one already.
  const show = (error: unknown) => {
    if (wantsJson(command, words) && !process.stdout.isUsed) {
      process.stdout.write(jsonText(errorDocument(error)));
    }
    return errorText(error, process.debug);
  };
  try {
    if (command !== undefined) requireValues(command, words);
  } catch (error) {
    process.stderr.write(`${show(error)}\n`);
    return exitCodeOf(error);
  }
  const end = words.indexOf("--");
  const isTaken = end >= 0 && command !== undefined && !isRaw(command) &&
    command.takesCommandLine === true;
  await run(
    applicationOf(context, command, show),
    isTaken ? words.slice(0, end) : words,
    isTaken ? { ...context, commandLine: words.slice(end + 1) } : context,
  );
  const code = process.exitCode ?? ExitCode.InternalError;
  if (code >= 0) return code;
  // Codes below zero come from the library.
  const isUsage = code === ExitCode.UnknownCommand ||
    code === ExitCode.InvalidArgument;
  return isUsage ? USAGE_ERROR : INTERNAL_ERROR;
}

/** A proposed word. */
export interface Proposal {
  readonly word: string;
  /** Empty if the word needs no explanation. */
  readonly brief: string;
  readonly isOption: boolean;
}

/**
 * Proposes words to complete the last one.
 */
export async function proposeWords(
  words: readonly string[],
  context: CliContext,
): Promise<Proposal[]> {
  const found = await proposeCompletions(
    applicationOf(context),
    words,
    context,
  );
  return found.map(({ kind, completion, brief }) => ({
    word: completion,
    // What is said of an option says nothing of this value.
    brief: kind === "argument:value" ? "" : brief,
    isOption: kind === "argument:flag",
  }));
}

function wantsJson(
  command: Command | undefined,
  words: readonly string[],
): boolean {
  const end = words.indexOf("--");
  const options = end < 0 ? words : words.slice(0, end);
  return (command === undefined || !isRaw(command)) &&
    options.includes("--json");
}

/** @param command the command of the command line, if there is one */
function applicationOf(
  { program, process }: CliContext,
  command?: Command,
  show: (error: unknown) => string = messageOf,
): Application<CliContext> {
  const { name, brief, commands } = program;
  const root = buildRouteMap<string, CliContext>({
    routes: Object.fromEntries(commands.map((it) => [it.name, routeOf(it)])),
    docs: { brief },
  });
  const help = {
    brief: HELP_BRIEF,
    aliases: ["h"],
    global: true,
    defaultForRouteMap: true,
    async run() {
      const { commandHelp, programHelp } = await import("./help.ts");
      process.stdout.write(
        command === undefined
          ? programHelp(program)
          : await commandHelp(program, command),
      );
    },
  } as const;
  const version = {
    brief: VERSION_BRIEF,
    aliases: ["v", "V"],
    run: () => process.stdout.write(`${VERSION}\n`),
  } as const;
  return buildApplication(root, {
    name,
    determineExitCode: exitCodeOf,
    scanner: {
      allowArgumentEscapeSequence: true,
      distanceOptions: TYPING_SLIPS,
    },
    localization: { text: textsOf(program, show, command) },
  }, { help: { flag: help }, version: { flag: version } });
}

type Values = Readonly<Record<string, unknown>>;

function routeOf(command: Command): Route<CliContext> {
  const { brief } = command;
  if (isRaw(command)) {
    return buildCommand<Record<never, never>, string[], CliContext>({
      docs: { brief },
      parameters: {
        positional: { kind: "array", parameter: { brief, parse: String } },
      },
      async func(_flags, ...words) {
        this.process.exitCode = await command.run(words);
      },
    });
  }
  const options = Object.entries(command.options);
  const flags = options.map(([name, option]) =>
    [name, flagOf(option)] as const
  );
  const aliases = options.flatMap(([name, option]) =>
    isValued(option) || option.short === undefined ? [] : [[option.short, name]]
  );
  return buildCommand<Values, unknown[], CliContext>({
    docs: { brief },
    // The library has a type for each option and operand; here they are data.
    parameters: {
      flags: Object.fromEntries(flags),
      aliases: Object.fromEntries(aliases),
      positional: {
        kind: "tuple",
        parameters: command.operands.map(positionalOf),
      },
    } as unknown as TypedCommandParameters<Values, unknown[], CliContext>,
    async func(values, ...operands) {
      try {
        await command.run(this, withDefaults(command, values), ...operands);
      } catch (error) {
        // Replaces a code that the command may have set before.
        this.process.exitCode = exitCodeOf(error);
        throw error;
      }
    },
  });
}

function flagOf(option: Switch | Valued<unknown>) {
  const { brief } = option;
  if (!isValued(option)) {
    return { kind: "boolean", brief, optional: true } as const;
  }
  const { value: placeholder, bare, parse } = option;
  return {
    ...{ kind: "parsed", brief, placeholder, optional: true } as const,
    ...proposerOf(option),
    parse: (text: string) => parse(text === "" ? bare ?? text : text),
    ...bare === undefined ? {} : { inferEmpty: true },
  };
}

function positionalOf(operand: Operand<unknown>) {
  const { brief, name: placeholder, optional = false, parse } = operand;
  return { brief, placeholder, optional, parse, ...proposerOf(operand) };
}

function proposerOf({ propose }: Value<unknown>) {
  return propose === undefined ? {} : {
    async proposeCompletions(this: CliContext) {
      return [...await propose(this)];
    },
  };
}

function withDefaults({ options }: DefinedCommand, values: Values): Values {
  return Object.fromEntries(
    Object.entries(options).map(([name, option]) => {
      if (!isValued(option)) return [name, values[name] === true];
      const { default: usual, parse } = option;
      const value = values[name];
      return [
        name,
        value === undefined && usual !== undefined ? parse(usual) : value,
      ];
    }),
  );
}

/**
 * Refuses an empty value, which is often an unset variable: the library treats
 * it like no value.
 */
function requireValues(command: Command, words: readonly string[]): void {
  if (isRaw(command)) return;
  for (const [at, word] of words.entries()) {
    if (word === "--") return;
    const [, name = "", given] = /^--([^=]+)(?:=(.*))?$/s.exec(word) ?? [];
    const option = command.options[name];
    if (option === undefined || !isValued(option)) continue;
    if ((given ?? words[at + 1]) !== "") continue;
    throw new UsageError(`Cannot set --${name} to an empty value`, {
      remedy: `Write ${optionSynopsis(name, option)}`,
    });
  }
}

/** The texts of the library's errors. */
function textsOf(
  { name }: Program,
  show: (error: unknown) => string,
  command: Command | undefined,
): ApplicationText {
  const help = `${[name, command?.name ?? ""].join(" ").trim()} --help`;
  return {
    ...text_en,
    noCommandRegisteredForInput: ({ input, corrections }) =>
      show(
        input.startsWith("-")
          ? new UsageError(`Unexpected option "${input}" before a command`, {
            remedy: `Write ${name} COMMAND [OPTION]...`,
          })
          : new UsageError(`Unknown command "${input}"`, {
            remedy: `Run ${eitherOf(`${name} `, corrections) ?? help}`,
          }),
      ),
    exceptionWhileParsingArguments: (error) =>
      show(usageError(error, command, help)),
    exceptionWhileLoadingCommandFunction: show,
    exceptionWhileLoadingCommandContext: show,
    exceptionWhileRunningCommand: show,
    exceptionWhileRunningIntegrationHook: ({ exception }) => show(exception),
    exceptionWhileRunningIntegrationFlag: ({ exception }) => show(exception),
    commandErrorResult: show,
  };
}

function usageError(
  error: unknown,
  command: Command | undefined,
  help: string,
): unknown {
  if (!(error instanceof ArgumentScannerError)) return error;
  const options = command === undefined || isRaw(command)
    ? {}
    : command.options;
  const wrong = (message: string, remedy = `Run ${help}`) =>
    new UsageError(message, { remedy });
  if (error instanceof FlagNotFoundError) {
    const names = eitherOf("--", error.corrections);
    return wrong(
      `Unknown option "--${error.input}"`,
      names && `Write ${names}`,
    );
  }
  if (error instanceof AliasNotFoundError) {
    return wrong(`Unknown option "-${error.input}"`);
  }
  if (error instanceof UnsatisfiedFlagError) {
    const { externalFlagName: name } = error;
    const option = options[name];
    return wrong(
      `Missing value for option --${name}`,
      option && `Write ${optionSynopsis(name, option)}`,
    );
  }
  if (error instanceof UnexpectedFlagError) {
    return new UsageError(`Option --${error.externalFlagName} is given twice`);
  }
  if (error instanceof UnsatisfiedPositionalError) {
    return wrong(`Missing argument ${error.placeholder}`);
  }
  if (error instanceof UnexpectedPositionalError) {
    return wrong(
      `Unexpected argument "${error.input}"`,
      "qmp" in options
        ? `Write --qmp ${error.input}, if that is the VM's socket`
        : undefined,
    );
  }
  if (error instanceof ArgumentParseError) {
    const { externalFlagNameOrPlaceholder: name, input, exception } = error;
    return new UsageError(
      name in options
        ? `Cannot set --${name} to "${input}"`
        : `Cannot use "${input}" as ${name}`,
      { cause: exception },
    );
  }
  return new UsageError(`Cannot read the command line: ${error.message}`);
}

/** Similar names, if there are any; some are already quoted by the library. */
function eitherOf(
  prefix: string,
  names: readonly string[],
): string | undefined {
  if (names.length === 0) return undefined;
  return names.map((name) => prefix + name.replaceAll("`", "")).join(" or ");
}
