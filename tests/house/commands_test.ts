import { assert, assertEquals } from "@std/assert";
import { isRaw, isValued } from "../../lib/cli/command.ts";
import { wholeProgram } from "../../lib/cli/program.ts";
import { documents } from "./documents.ts";

const PROGRAM = await wholeProgram();

/** Commands that the documents show: cprctl has them, with these options. */

/** Command lines of cprctl in code, without the word cprctl. */
function commandLines(page: string): string[][] {
  const spans = [...page.matchAll(/`cprctl ([^`]+)`/g)].map(([, it = ""]) =>
    it
  );
  const blocks = page.matchAll(/^```(sh|console)\n([^]*?)^```$/gm);
  const lines = [...blocks].flatMap(([, language, text = ""]) =>
    text.replaceAll("\\\n", " ").split("\n").filter((line) =>
      language === "sh" || line.startsWith("$ ")
    )
  ).map((line) => /^(?:\$ )?(?:sudo )?cprctl (.*)$/.exec(line)?.[1])
    .filter((it) => it !== undefined);
  return [...spans, ...lines].map((line) =>
    line.replace(/ +#.*$/, "").split(/\s+/)
  );
}

/** What cprctl would not understand of a command line. */
async function unknown([name = "", ...words]: readonly string[]) {
  const command = PROGRAM.commands.find((it) => it.name === name);
  if (command === undefined) return name.startsWith("-") ? [] : [name];
  const end = words.indexOf("--");
  const options = words.slice(0, end < 0 ? words.length : end)
    .filter((word) => /^--?[a-z]/.test(word));
  if (isRaw(command)) {
    const help = await command.help();
    return options.filter((it) => !new RegExp(`${it}(?![\\w-])`).test(help));
  }
  const known = new Map(Object.entries(command.options));
  return options.filter((word) => {
    const [option = "", value] = word.slice(2).split("=");
    const found = known.get(option);
    return found === undefined || value !== undefined && !isValued(found);
  });
}

Deno.test("commands that a document shows are commands of cprctl", async () => {
  let count = 0;
  for await (const { page, text } of documents()) {
    for (const words of commandLines(text)) {
      count++;
      assertEquals(await unknown(words), [], `${page}: ${words.join(" ")}`);
    }
  }
  assert(count > 40, `${count}`);
});

Deno.test("a command that cprctl does not have is noticed", async () => {
  const page =
    "`cprctl updat`\n```sh\nsudo cprctl check --qmp a --chek # why\n" +
    "cprctl machine \\\n  -machin virt -- -x\n```";
  assertEquals(await Promise.all(commandLines(page).map(unknown)), [
    ["updat"],
    ["--chek"],
    ["-machin"],
  ]);
});

Deno.test("the README has every command but help", async () => {
  const [{ text = "" } = {}] = await Array.fromAsync(documents(["README.md"]));
  const named = [...text.matchAll(/^\| `cprctl (\w+)/gm)].map(([, it]) => it);
  const names = PROGRAM.commands.map(({ name }) => name);
  assertEquals(new Set(named), new Set(names.filter((it) => it !== "help")));
});
