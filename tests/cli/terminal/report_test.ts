import fc from "fast-check";
import * as reports from "../reports.ts";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { renderReport } from "../../../lib/cli/terminal/report.ts";
import { validateReport } from "../../../testing/update/report.ts";
import { PLAIN } from "../../../testing/program/captured.ts";

Deno.test("the reports of these tests are reports", () => {
  for (const report of Object.values(reports)) {
    assertEquals(validateReport(report), report);
  }
});

Deno.test("each outcome, plain", async (t) => {
  for (const [name, report] of Object.entries(reports)) {
    await t.assertSnapshot(renderReport(report, PLAIN), { name });
  }
});

Deno.test("a check, plain", async (t) => {
  for (const name of ["wouldUpdate", "refused", "upToDate"] as const) {
    const text = renderReport(reports[name], PLAIN, { view: "check" });
    await t.assertSnapshot(text, { name: `check ${name}` });
  }
  const detail = { view: "check", verbose: true } as const;
  const text = renderReport(reports.refused, PLAIN, detail);
  await t.assertSnapshot(text, { name: "check refused, verbose" });
});

Deno.test("in colour it says the same", async (t) => {
  for (const report of Object.values(reports)) {
    const coloured = renderReport(report, { ...PLAIN, colour: true });
    assertEquals(withoutColours(coloured), renderReport(report, PLAIN));
  }
  await t.assertSnapshot(
    renderReport(reports.updated, { ...PLAIN, colour: true }),
  );
});

Deno.test("a narrow terminal, a wide one, a dumb one", async (t) => {
  for (const width of [48, 100]) {
    await t.assertSnapshot(renderReport(reports.updated, { ...PLAIN, width }));
  }
  const dumb = renderReport(reports.updated, { ...PLAIN, unicode: false });
  // deno-lint-ignore no-control-regex -- exactly ASCII
  assert(/^[\u0000-\u007f]*$/.test(dumb));
  await t.assertSnapshot(dumb);
});

Deno.test("no bar is wider than the terminal, whatever the times are", () => {
  const time = fc.double({ min: 0, max: 1e7, noNaN: true });
  const phase = fc.record({
    name: fc.constant("load" as const),
    start_ms: time,
    duration_ms: time,
  });
  fc.assert(fc.property(
    fc.array(phase, { minLength: 1, maxLength: 4 }),
    fc.option(time),
    fc.option(time),
    fc.integer({ min: 48, max: 100 }),
    (phases, downtime_start_ms, downtime_ms, width) => {
      const report = {
        ...reports.updated,
        vm: { ...reports.updated.vm, name: "a" },
        checks: [],
        command_changes: [],
        phases,
        downtime_start_ms,
        downtime_ms: downtime_start_ms === null ? null : downtime_ms,
      };
      const text = renderReport(report, { ...PLAIN, width });
      for (const line of text.split("\n")) {
        assert([...line].length <= width, `${line.length}: ${line}`);
      }
    },
  ));
});

Deno.test("a guest's name cannot command the terminal", () => {
  const vm = { ...reports.updated.vm, name: "\u001b]0;owned\u0007" };
  const text = renderReport({ ...reports.updated, vm }, PLAIN);
  assertStringIncludes(text, "\\x1b]0;owned\\x07 runs on");
  assertEquals(text.includes("\u001b"), false);
});

function withoutColours(text: string): string {
  // deno-lint-ignore no-control-regex -- colours are control characters
  return text.replaceAll(/\u001b\[\d+m/g, "");
}
