/** The human monitor's commands: words in, text out. @module */

import { CprctlError } from "../../errors.ts";
import { isObject } from "../../qmp/mod.ts";
import { INFO, infoHelp } from "./info.ts";
import { shellWords } from "./shell_words.ts";
import type { MonitorTarget } from "./target.ts";

/** One command of the human monitor. */
interface MonitorCommand {
  /** Its names, then its arguments: "cont|c", "info SUBJECT". */
  readonly usage: string;
  readonly help: string;
  /** @returns text to print, "" for none */
  run(target: MonitorTarget, rest: string): Promise<string>;
}

/** A command with invalid arguments. */
class MonitorUsage extends CprctlError {
  constructor(usage: string) {
    super("monitor-usage", `Usage: ${usage}`);
  }
}

/** A command that runs a QMP command. */
function plain(usage: string, help: string, command: string): MonitorCommand {
  return {
    usage,
    help,
    async run(target) {
      await target.execute(command);
      return "";
    },
  };
}

/** A command of one word, which is an argument of a QMP command. */
function withWord(
  usage: string,
  help: string,
  command: string,
  argument: string,
): MonitorCommand {
  return {
    usage,
    help,
    async run(target, rest) {
      const [word = ""] = exactly(1, shellWords(rest), usage);
      await target.execute(command, { [argument]: word });
      return "";
    },
  };
}

/** @throws {MonitorUsage} for another number of words */
function exactly(
  count: number,
  words: readonly string[],
  usage: string,
): readonly string[] {
  if (words.length !== count) throw new MonitorUsage(usage);
  return words;
}

/** A bigint if a number would not be exact, as in QMP. */
function integer(digits: string): number | bigint {
  const number = Number(digits);
  return Number.isSafeInteger(number) ? number : BigInt(digits);
}

/** All commands, in the order of help. */
const COMMANDS: readonly MonitorCommand[] = [
  plain("cont|c", "let the guest run", "cont"),
  {
    usage: "help|?",
    help: "show the commands",
    run: () => Promise.resolve(helpText()),
  },
  {
    usage: "info SUBJECT",
    help: "show something of the machine",
    async run(target, rest) {
      const subject = rest.trim();
      if (subject === "") return infoHelp();
      const info = INFO.get(subject);
      return info === undefined
        ? `unknown command: 'info ${subject}'\n`
        : await info.show(target);
    },
  },
  {
    usage: "migrate [-d] URI",
    help: "save the machine to URI; with -d do not wait for it",
    async run(target, rest) {
      const words = shellWords(rest);
      const detach = words[0] === "-d";
      const [uri = ""] = exactly(
        1,
        detach ? words.slice(1) : words,
        this.usage,
      );
      await target.execute("migrate", { uri });
      if (detach) return "";
      if (target.settled === undefined) {
        return "terminal does not allow synchronous migration, " +
          "continuing detached\n";
      }
      await target.settled();
      const reply = await target.execute("query-migrate");
      const error = isObject(reply) ? reply["error-desc"] : undefined;
      return typeof error === "string" ? `Error: ${error}\n` : "";
    },
  },
  plain("migrate_cancel", "end a migration, go on here", "migrate_cancel"),
  withWord(
    "migrate_continue STATE",
    "go on from STATE, which is pre-switchover",
    "migrate-continue",
    "state",
  ),
  withWord(
    "migrate_incoming URI",
    'load a machine from URI; for a start with "-incoming defer"',
    "migrate-incoming",
    "uri",
  ),
  {
    usage: "migrate_set_capability CAPABILITY on|off",
    help: "switch a migration capability",
    async run(target, rest) {
      const words = exactly(2, shellWords(rest), this.usage);
      const [capability = "", state = ""] = words;
      if (state !== "on" && state !== "off") throw new MonitorUsage(this.usage);
      await target.execute("migrate-set-capabilities", {
        capabilities: [{ capability, state: state === "on" }],
      });
      return "";
    },
  },
  {
    usage: "migrate_set_parameter PARAMETER VALUE",
    help: "set a migration parameter; cpr-exec-command takes a command line",
    async run(target, rest) {
      const [, name = "", text = ""] = /^(\S+)\s+(.*)$/s.exec(rest) ?? [];
      if (name === "" || text === "") throw new MonitorUsage(this.usage);
      const words = shellWords(text);
      const value = name === "cpr-exec-command"
        ? words
        : /^\d+$/.test(text)
        ? integer(text)
        : words.join(" ");
      await target.execute("migrate-set-parameters", { [name]: value });
      return "";
    },
  },
  plain("quit|q", "end the machine", "quit"),
  plain("stop|s", "stop the guest", "stop"),
];

function helpText(): string {
  return COMMANDS.map(({ usage, help }) => `${usage} -- ${help}\n`).join("");
}

function namesOf({ usage }: MonitorCommand): string[] {
  return usage.replace(/ .*$/, "").split("|");
}

/**
 * Runs one line of the monitor.
 *
 * @returns the text to print, also for an error
 */
export async function runLine(
  target: MonitorTarget,
  line: string,
): Promise<string> {
  const [, name = "", rest = ""] = /^\s*(\S*)\s*(.*?)\s*$/s.exec(line) ?? [];
  if (name === "") return "";
  const command = COMMANDS.find((it) => namesOf(it).includes(name));
  if (command === undefined) return `unknown command: '${name}'\n`;
  try {
    return await command.run(target, rest);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return `Error: ${error.message}\n`;
  }
}
