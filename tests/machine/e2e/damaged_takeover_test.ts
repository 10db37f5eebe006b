/**
 * A new program that is given something damaged, or other options than the old
 * one had: it says what is wrong and ends, or waits paused; the guest's RAM is
 * not touched and no guest is reset.
 */

import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { QmpClosedError } from "../../../lib/qmp/mod.ts";
import {
  alterations,
  ask,
  Bench,
  capture,
  type Captured,
  eachOf,
  enable,
  type Inheritance,
  Lab,
  reached,
  runState,
  seededRandom,
  story,
  Successor,
} from "../../../testing/machine/mod.ts";

const SEED = Number(Deno.env.get("CPRCTL_SEED") ?? 1);
/** The damage test has every alteration, without a program for each. */
const SAMPLES = 12;
const AT_ONCE = 4;

/** Some alterations of the stream that a loader must notice. */
function samples(
  captured: Captured,
  count: number,
): Uint8Array<ArrayBuffer>[] {
  using bench = new Bench(captured);
  const random = seededRandom(SEED);
  const noticed: Uint8Array<ArrayBuffer>[] = [];
  const all = [...alterations(captured.stream)];
  while (noticed.length < count) {
    // Three alterations, then a cut.
    const damaged = noticed.length % 4 === 3
      ? captured.stream.slice(0, random(captured.stream.length))
      : all[random(all.length)]?.damaged;
    try {
      if (damaged !== undefined) bench.load(damaged);
    } catch {
      if (damaged !== undefined) noticed.push(damaged);
    }
  }
  return noticed;
}

/** Asserts that a program says what is wrong in a line, and ends. */
async function assertRefused(
  lab: Lab,
  captured: Captured,
  given: Inheritance,
  words: RegExp,
): Promise<void> {
  using successor = new Successor(lab, captured, given);
  const { code, output } = await successor.ended();
  assertEquals(code, 1, output);
  // What happened, why, and what to do; nothing else, and no stack.
  assertMatch(output, /^error: .+\n(?: {2}(?:because|try): .+\n)*$/);
  assertMatch(output, words);
  assert(successor.ramIsUntouched);
}

Deno.test("what was captured can be taken over at all", async () => {
  await using lab = await Lab.open();
  const captured = await capture(lab, 5);
  using successor = new Successor(lab, captured);
  const qmp = await successor.connect();
  assertEquals(await runState(qmp), "running");
  await qmp.execute("quit");
  assertEquals(await successor.ended(), { code: 0, output: "" });
  assert(!successor.ramIsUntouched);
});

Deno.test("a damaged state file ends the new program with its reason", async () => {
  await using lab = await Lab.open();
  const captured = await capture(lab, 5);
  const words = /^error: Cannot (load|decode) (stream|section) .*offset \d+/;
  await eachOf(
    samples(captured, SAMPLES),
    AT_ONCE,
    (stream) => assertRefused(lab, captured, { stream }, words),
  );
  const torn = captured.stream.slice(0, captured.stream.length / 2);
  await assertRefused(
    lab,
    captured,
    { stream: torn },
    /vmdesc has \d+ bytes, of which the stream has \d+/,
  );
  await assertRefused(
    lab,
    captured,
    { stream: new Uint8Array() },
    /offset 0: the stream ends here/,
  );
  await assertRefused(
    lab,
    captured,
    { incoming: "file:/nonexistent/state" },
    /Could not open "file:\/nonexistent\/state": No such file/,
  );
});

Deno.test("with -incoming defer it waits, paused, and says what failed", async () => {
  await using lab = await Lab.open();
  const captured = await capture(lab, 5);
  for (const stream of samples(captured, 4)) {
    using successor = new Successor(lab, captured, {
      stream,
      incoming: "defer",
    });
    const qmp = await successor.connect();
    await enable(qmp, "events");
    using watch = qmp.watch();
    const uri = `file:${successor.stateFile}`;
    await qmp.execute("migrate-incoming", { uri, "exit-on-error": false });
    await reached(watch, "failed");
    assertEquals(story(watch), ["setup", "active", "failed"]);
    assertEquals(await ask(qmp, "query-migrate", "status"), "failed");
    const reason = await ask(qmp, "query-migrate", "error-desc");
    assertMatch(String(reason), /^Cannot (load|decode) .*offset \d+/);
    assertEquals(await runState(qmp), "inmigrate");
    // Whatever one asks of it, nothing makes it run.
    await qmp.execute("cont");
    assertEquals(await runState(qmp), "inmigrate");
    await qmp.execute("quit");
    assertEquals((await successor.ended()).code, 0);
    assert(successor.ramIsUntouched);
  }
});

Deno.test("migrate-incoming ends the program by default when it fails", async () => {
  await using lab = await Lab.open();
  const captured = await capture(lab, 5);
  using successor = new Successor(lab, captured, {
    stream: captured.stream.slice(0, 1000),
    incoming: "defer",
  });
  const qmp = await successor.connect();
  const uri = `file:${successor.stateFile}`;
  await qmp.execute("migrate-incoming", { uri });
  await qmp.closed;
  await assertRejects(() => qmp.execute("query-status"), QmpClosedError);
  const { code, output } = await successor.ended();
  assertEquals(code, 1);
  assertMatch(output, /^error: Cannot load .*of which the stream has \d+\n/);
});

Deno.test("damaged CPR state ends the new program with its reason", async () => {
  await using lab = await Lab.open();
  const captured = await capture(lab, 5);
  const random = seededRandom(SEED);
  const all = [...alterations(captured.table)];
  const tables = Array.from(
    { length: SAMPLES },
    () => all[random(all.length)]?.damaged ?? new Uint8Array(),
  );
  await eachOf(
    tables,
    AT_ONCE,
    (table) => assertRefused(lab, captured, { table }, /^error: /),
  );
  const torn = captured.table.slice(0, 30);
  await assertRefused(lab, captured, { table: torn }, /CPR state/);
});

Deno.test("other options than the old program's are refused by name", async () => {
  await using lab = await Lab.open();
  const captured = await capture(lab, 5);
  const incoming = ["-incoming", "file:/nonexistent/state"];
  const changed = (from: string, to: string) =>
    captured.argv.map((word) => word.replace(from, to));
  const cases: { argv: string[]; words: RegExp }[] = [
    {
      argv: [...captured.argv],
      words: /handed over.*-incoming is missing.*would be reset/s,
    },
    {
      argv: [...changed("size=1M", "size=2M"), ...incoming],
      words: /"ram0" was preserved with 1048576 bytes.*has 2097152/,
    },
    {
      argv: [...changed("id=ram0", "id=ram1"), ...incoming],
      words: /"ram1" was not handed over/,
    },
  ];
  for (const { argv, words } of cases) {
    await assertRefused(lab, captured, { argv }, words);
  }
});
