/** What the help, the manual, the completions and the documents say alike. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  type DefinedCommand,
  isRaw,
  optionSynopsis,
} from "../../lib/cli/command.ts";
import { PROPOSE_WORD } from "../../lib/cli/completion_scripts.ts";
import { optionMeaning } from "../../lib/cli/help.ts";
import { wholeProgram } from "../../lib/cli/program.ts";
import { dispatch } from "../../lib/cli/dispatch.ts";
import { OUTCOMES } from "../../lib/update/error.ts";
import { capturedProcess } from "../../testing/program/captured.ts";

const PROGRAM = await wholeProgram();

const REPORT = await Deno.readTextFile(
  new URL("../../docs/formats/report.md", import.meta.url),
);
const COMMANDS = PROGRAM.commands.filter((it): it is DefinedCommand =>
  !isRaw(it)
);

/** What a command line prints, in one line and without roff's requests. */
async function printed(...words: string[]): Promise<string> {
  const process = capturedProcess();
  assertEquals(await dispatch(words, process), 0);
  return flat(process.written.stdout);
}

function flat(text: string): string {
  return text.replaceAll(/^\.(?:PP|TP|B) ?|\\f[BIR]|\\&/gm, "").replaceAll(
    "\\-",
    "-",
  )
    .replaceAll("\\e", "\\").replaceAll(/\s+/g, " ");
}

Deno.test("help and manual have every option, operand and example", async () => {
  const manual = await printed("man");
  for (const command of COMMANDS) {
    const { name, options, operands, examples, description } = command;
    for (const text of [await printed(name, "--help"), manual]) {
      assertStringIncludes(text, flat(description));
      for (const [option, defined] of Object.entries(options)) {
        assertStringIncludes(
          text,
          `${optionSynopsis(option, defined)} ${flat(optionMeaning(defined))}`,
        );
      }
      for (const operand of operands) {
        assertStringIncludes(text, `${operand.name} ${flat(operand.brief)}`);
      }
      for (const [line, purpose] of examples) {
        assertStringIncludes(text, `${line} ${purpose}`);
      }
    }
  }
});

Deno.test("completions have exactly the options of the help", async () => {
  for (const { name, options } of COMMANDS) {
    const process = capturedProcess();
    await dispatch([PROPOSE_WORD, name, "--"], process);
    const proposed = process.written.stdout.trimEnd().split("\n")
      .map((line) => line.split("\t"))
      .filter(([word]) => word !== "--help" && word !== "");
    const known = Object.entries(options)
      .map(([option, { brief }]) => [`--${option}`, brief]);
    assertEquals(proposed.toSorted(), known.toSorted(), name);
  }
});

Deno.test("help fits 80 columns", async () => {
  for (const { name } of PROGRAM.commands) {
    const process = capturedProcess();
    await dispatch(["help", name], process);
    const long = process.written.stdout.split("\n").filter((line) =>
      [...line].length > 80
    );
    assertEquals(long, [], name);
  }
});

Deno.test("help and manual have the exit codes that there are", async () => {
  const [, own = ""] = /^\| `error` +\| ([\d, ]+)/m.exec(REPORT) ?? [];
  const { rows: told = [] } =
    PROGRAM.sections.find(({ title }) => title === "EXIT STATUS") ?? {};
  assertEquals(
    new Set(told.map(([code]) => Number(code))),
    new Set([...Object.values(OUTCOMES), ...own.split(", ").map(Number)]),
  );
  for (const text of [await printed("--help"), await printed("man")]) {
    for (const [code, meaning] of told) {
      assertStringIncludes(text, `${code} ${flat(meaning)}`);
    }
  }
});

Deno.test("commands with exit codes of their own say the same in the document", async () => {
  const said = (text: string) => new Set(text.match(/\b[0-5]\b/g));
  for (const name of ["diff", "compat"]) {
    const [, documented = ""] =
      new RegExp(`\`cprctl ${name}\` exits([^.]*)`).exec(flat(REPORT)) ?? [];
    const [, help = ""] = /[Ee]xit status (.*?)\. /
      .exec(`${(await printed(name, "--help")).split(" OPTIONS")[0]} . `) ?? [];
    assertEquals(said(help), said(documented), name);
    assert(said(help).size === 3, help);
  }
});
