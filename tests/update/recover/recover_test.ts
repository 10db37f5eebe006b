import { assert, assertEquals, assertMatch } from "@std/assert";
import { recover } from "../../../lib/update/recover/recover.ts";
import { cprctlWords } from "../../../testing/program/program.ts";
import { withRunDirectory } from "../run_base.ts";

const REQUEST = { timeoutMs: 1_000, self: cprctlWords() };

Deno.test("each damaged journal is reported beside the others", async () => {
  await using base = await withRunDirectory();
  const texts = ['{"schema":1}', "{", '{"schema":1,"vm":{"pid":-1}}', "null"];
  for (const [index, text] of texts.entries()) {
    const folder = `${base.path}/${900_000_000 + index}-left`;
    await Deno.mkdir(folder);
    await Deno.writeTextFile(`${folder}/journal.json`, text);
  }
  const fifo = `${base.path}/900000009-left`;
  await Deno.mkdir(fifo);
  const made = new Deno.Command("mkfifo", { args: [`${fifo}/journal.json`] });
  assert((await made.output()).success);
  // One in which no VM was touched: it goes.
  await Deno.mkdir(`${base.path}/900000008-left`);

  const recoveries = await recover(REQUEST);
  assertEquals(
    recoveries.map(({ outcome }) => outcome),
    Array.from({ length: 5 }, () => "needs-person"),
  );
  for (const { message } of recoveries) {
    assertMatch(message, /^Cannot read the run directory ".*-left": .*/);
  }
  assert(recoveries.some(({ message }) => message.includes("It is a FIFO")));
  const left = await Array.fromAsync(Deno.readDir(base.path));
  assertEquals(left.length, 5);
});
