/** The words of the command library's own errors, in this program's form. */

import {
  type ApplicationText,
  ArgumentParseError,
  ArgumentScannerError,
  EnumValidationError,
  FlagNotFoundError,
  text_en,
  UnexpectedFlagError,
  UnexpectedPositionalError,
  UnsatisfiedFlagError,
  UnsatisfiedPositionalError,
} from "@stricli/core";
import { UsageError } from "../errors.ts";
import { errorText } from "./wording/errors.ts";

/** Texts for an application whose errors carry their stacks if `debug`. */
export function applicationText(debug: boolean): ApplicationText {
  const show = (error: unknown) => errorText(error, debug);
  return {
    ...text_en,
    headers: {
      usage: "USAGE",
      aliases: "ALIASES",
      commands: "COMMANDS",
      flags: "OPTIONS",
      arguments: "ARGUMENTS",
    },
    briefs: {
      ...text_en.briefs,
      help: "Print this text and exit",
      version: "Print the version and exit",
      argumentEscapeSequence: "What follows is no option",
    },
    noCommandRegisteredForInput: ({ input, corrections }) =>
      show(
        new UsageError(`Cannot find command "${input}"`, {
          remedy: `Run ${
            suggestion("cprctl ", corrections) ?? "cprctl --help"
          }`,
        }),
      ),
    exceptionWhileParsingArguments: (error) => show(usageError(error)),
    exceptionWhileLoadingCommandFunction: show,
    exceptionWhileLoadingCommandContext: show,
    exceptionWhileRunningCommand: show,
    exceptionWhileRunningIntegrationHook: ({ exception }) => show(exception),
    exceptionWhileRunningIntegrationFlag: ({ exception }) => show(exception),
    commandErrorResult: show,
  };
}

/** What the library found wrong with the words, as an error of ours. */
function usageError(error: unknown): unknown {
  if (!(error instanceof ArgumentScannerError)) return error;
  if (error instanceof FlagNotFoundError) {
    const names = suggestion("--", error.corrections);
    return new UsageError(
      `Cannot find option "--${error.input}"`,
      names === undefined ? {} : { remedy: `Write ${names}` },
    );
  }
  if (error instanceof UnsatisfiedFlagError) {
    return new UsageError(
      error.nextFlagName === undefined
        ? `Cannot run without option "--${error.externalFlagName}"`
        : `Cannot parse option "--${error.externalFlagName}": requires an argument, not option "--${error.nextFlagName}"`,
    );
  }
  if (error instanceof UnsatisfiedPositionalError) {
    return new UsageError(`Cannot run without "${error.placeholder}"`);
  }
  if (error instanceof UnexpectedPositionalError) {
    return new UsageError(`Cannot take "${error.input}": one word too many`);
  }
  if (error instanceof EnumValidationError) {
    return new UsageError(
      `Cannot set "--${error.externalFlagName}" to "${error.input}": want ${
        either(error.values)
      }`,
    );
  }
  if (error instanceof ArgumentParseError) {
    const { externalFlagNameOrPlaceholder, input, exception } = error;
    return new UsageError(
      `Cannot set "${externalFlagNameOrPlaceholder}" to "${input}"`,
      { cause: exception },
    );
  }
  if (error instanceof UnexpectedFlagError) {
    const { externalFlagName, previousInput, input } = error;
    return new UsageError(
      `Cannot set "--${externalFlagName}" to "${input}": it is "${previousInput}" already`,
    );
  }
  return new UsageError(`Cannot parse the options: ${error.message}`);
}

/** The names that come near; the library puts some in back-ticks. */
function suggestion(
  prefix: string,
  names: readonly string[],
): string | undefined {
  if (names.length === 0) return undefined;
  return names.map((name) => prefix + name.replaceAll("`", "")).join(" or ");
}

function either(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(" or ");
}
