import {
  assertEquals,
  assertLessOrEqual,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { unicodeWidth } from "@std/cli";
import { VERSION } from "../../lib/version.ts";
import { isRaw, isValued } from "../../lib/cli/command.ts";
import { dispatch } from "../../lib/cli/dispatch.ts";
import { wholeProgram } from "../../lib/cli/program.ts";
import { capturedProcess } from "../../testing/program/captured.ts";
import { runCprctl } from "../../testing/program/program.ts";

const PROGRAM = await wholeProgram();

async function outcome(...words: string[]) {
  const process = capturedProcess();
  const code = await dispatch(words, process);
  return { code, ...process.written };
}

Deno.test("no words print the help", async () => {
  const bare = await outcome();
  assertEquals(bare, await outcome("--help"));
  assertEquals(bare.code, 0);
  assertEquals(bare.stderr, "");
  assertStringIncludes(bare.stdout, "EXIT STATUS");
});

Deno.test("the help of every command", async (t) => {
  await t.assertSnapshot((await outcome("--help")).stdout);
  for (const command of PROGRAM.commands) {
    // These read their words themselves and have a help of their own.
    if (isRaw(command)) continue;
    const { code, stdout, stderr } = await outcome(command.name, "--help");
    assertEquals([code, stderr], [0, ""]);
    await t.assertSnapshot(stdout);
  }
});

const HELPS = ["", ...PROGRAM.commands.map(({ name }) => name)];

for (const name of HELPS) {
  Deno.test(`cprctl ${name} --help fits into 80 columns`, async () => {
    const words = name === "" ? ["--help"] : [name, "--help"];
    const { code, stdout } = await runCprctl(words);
    assertEquals(code, 0);
    for (const line of stdout.split("\n")) {
      assertLessOrEqual(unicodeWidth(line), 80, line);
    }
  });
}

Deno.test("the help names the value of each option that has one", async () => {
  for (const command of PROGRAM.commands) {
    if (isRaw(command)) continue;
    const { stdout } = await outcome(command.name, "--help");
    for (const [name, option] of Object.entries(command.options)) {
      if (!isValued(option)) continue;
      assertMatch(option.value, /^[A-Z]+(?:[:=][A-Z]+)?$/);
      assertMatch(
        stdout,
        new RegExp(
          `^ +--${name} (${option.value}|\\[${option.value}\\])( |$)`,
          "m",
        ),
      );
    }
  }
});

Deno.test("help of a command is its --help", async () => {
  assertEquals(
    (await outcome("help", "version")).stdout,
    (await outcome("version", "--help")).stdout,
  );
  assertEquals(await outcome("help"), await outcome("--help"));
});

Deno.test("wrong words end with exit code 2 and a remedy", async (t) => {
  const wrong = [
    ["shcema"],
    ["nothing-like-it"],
    ["constructor"],
    ["version", "--jsno"],
    ["version", "--xyz"],
    ["version", "word"],
    ["version", "-v"],
    ["help", "nope"],
    ["--json", "list"],
    ["diff", "a"],
    ["completions", "tcsh"],
    ["version", "--json", "--json"],
  ];
  for (const words of wrong) {
    const { code, stdout, stderr } = await outcome(...words);
    assertEquals(code, 2, words.join(" "));
    assertEquals(stdout === "", !words.includes("--json"), stdout);
    await t.assertSnapshot(stderr);
  }
});

Deno.test("two dashes before a command change nothing", async () => {
  assertEquals(await outcome("--", "version"), await outcome("version"));
});

Deno.test("version", async () => {
  assertEquals((await outcome("version")).stdout, `cprctl ${VERSION}\n`);
  for (const word of ["--version", "-v", "-V"]) {
    assertEquals((await outcome(word)).stdout, `${VERSION}\n`);
  }
  const { stdout } = await outcome("version", "--json");
  const info = JSON.parse(stdout);
  assertEquals(Object.keys(info), [
    "version",
    "commit",
    "form",
    "deno",
    "target",
  ]);
  assertEquals(info.version, VERSION);
  assertEquals(info.form, "source");
});
