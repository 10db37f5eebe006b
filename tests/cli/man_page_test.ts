import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { command, isRaw } from "../../lib/cli/command.ts";
import { manPage } from "../../lib/cli/man_page.ts";
import { optionTerm } from "../../lib/cli/help.ts";
import { wholeProgram } from "../../lib/cli/program.ts";
import { isInstalled, output } from "../../testing/program/tool.ts";
import { runHere } from "./run_here.ts";

const PROGRAM = await wholeProgram();

async function page(): Promise<string> {
  const { code, stdout } = await runHere(["man"]);
  assertEquals(code, 0);
  return stdout;
}

Deno.test("the manual has every command and every option", async () => {
  const written = await page();
  for (const command of PROGRAM.commands) {
    assertStringIncludes(written, `.SS "cprctl ${command.name}`);
    const options = isRaw(command) ? {} : command.options;
    for (const [name, defined] of Object.entries(options)) {
      const option = optionTerm(name, defined).trim().split(/ (?=[A-Z[])/)[0]
        ?.replaceAll("-", "\\-");
      assertStringIncludes(written, `\\fB${option}`);
    }
  }
  for (const { title } of PROGRAM.sections) {
    assertStringIncludes(written, `\n.SH ${title}\n`);
  }
  assertMatch(written, /^\.TH CPRCTL 1 "\d{4}-\d\d-\d\d" "cprctl \d/);
  assertStringIncludes(written, "memory\\-backend\\-memfd");
});

Deno.test("what roff would take for its own is only text", async (t) => {
  const shout = command({
    name: "shout",
    brief: "Say \\n aloud",
    description: ".SH no heading\n'quoted",
    options: {
      loud: { brief: "With \\fB" },
      times: {
        value: "NUMBER",
        parse: Number,
        default: "1",
        brief: "How often",
      },
      at: { value: "PERSON", parse: String, bare: "all", brief: "At whom" },
    },
    operands: [{ name: "WORD", parse: String, brief: "What", optional: true }],
    examples: [["cprctl shout 'Hey \\ you'", "politely"]],
    run: () => {},
  });
  const program = {
    name: "cprctl",
    brief: "Shout",
    description: "Shouts.\n\n.And again.",
    commands: [shout],
    sections: [{ title: "CODES", rows: [["0", "heard"]] }],
  } as const;
  await t.assertSnapshot(await manPage(program, "1.2", "2030-01-02"));
});

Deno.test({
  name: "roff understands all of the manual",
  ignore: !await isInstalled("groff"),
  async fn() {
    const { stdout, stderr } = await output(
      ["groff", "-ww", "-man", "-Tutf8"],
      { stdin: await page() },
    );
    assertEquals(stderr, "");
    assertStringIncludes(stdout, "Examples:");
  },
});
