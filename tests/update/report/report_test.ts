import { assertEquals, assertThrows } from "@std/assert";
import { exitCodeOf, OUTCOMES } from "../../../lib/update/error.ts";
import type { Report } from "../../../lib/update/report/report.ts";
import { ReportError, validateReport } from "../../../testing/update/report.ts";

const REFUSED: Report = {
  schema: 1,
  outcome: "refused",
  changed: false,
  vm: { name: null, uuid: null, qmp: "/run/a.qmp", machine: null },
  pid_before: 4711,
  pid_after: 4711,
  mode: "cpr-exec",
  from: { program: "QEMU", version: "11.1.2", package: null, exe: null },
  to: null,
  downtime_ms: null,
  mode_why: null,
  downtime_predicted_ms: null,
  downtime_start_ms: null,
  phases: [{ name: "facts", start_ms: 0, duration_ms: 1.5 }],
  checks: [{ id: "x", verdict: "refuse", detail: "y", remedy: null }],
  command_changes: [],
  differences: [],
  ram: null,
  warnings: [],
  error: { code: "refused", message: "Cannot", remedy: null, qemu: null },
};

Deno.test("a report can be read back", () => {
  assertEquals(validateReport(JSON.parse(JSON.stringify(REFUSED))), REFUSED);
  const shown = {
    ...REFUSED,
    before_after: [{ what: "pid", before: "1", after: "1" }],
  };
  assertEquals(validateReport(shown), shown);
});

Deno.test("a field that is missing, unknown or wrong is named", () => {
  const { changed: _changed, ...missing } = REFUSED;
  const wrong: [unknown, string][] = [
    [missing, '"changed"'],
    [{ ...REFUSED, extra: 1 }, '"extra"'],
    [{ ...REFUSED, schema: 2 }, '"schema"'],
    [{ ...REFUSED, outcome: "fine" }, '"outcome"'],
    [{ ...REFUSED, pid_after: 0 }, '"pid_after"'],
    [{ ...REFUSED, pid_after: 1.5 }, '"pid_after"'],
    [{ ...REFUSED, downtime_ms: -1 }, '"downtime_ms"'],
    [{ ...REFUSED, downtime_ms: NaN }, '"downtime_ms"'],
    [
      { ...REFUSED, phases: [{ name: "x", start_ms: 0, duration_ms: 0 }] },
      '"phases.0.name"',
    ],
    [null, '""'],
  ];
  for (const [document, name] of wrong) {
    assertThrows(() => validateReport(document), ReportError, name);
  }
});

Deno.test("every fault is named, not only the first", () => {
  const error = assertThrows(
    () => validateReport({ ...REFUSED, schema: 2, mode: "normal" }),
    ReportError,
  );
  assertEquals(error.faults.length, 2);
});

Deno.test("each outcome has its exit code", () => {
  assertEquals(
    Object.keys(OUTCOMES).map((name) =>
      exitCodeOf(name as keyof typeof OUTCOMES)
    ),
    [0, 0, 0, 0, 3, 4, 5],
  );
});
