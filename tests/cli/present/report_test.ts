import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { presentUpdate } from "../../../lib/cli/present/report.ts";
import { renderReport } from "../../../lib/cli/terminal/report.ts";
import { capturedProcess, PLAIN } from "../../../testing/program/captured.ts";
import * as reports from "../reports.ts";

Deno.test("a report is drawn, and its outcome is the exit code", async () => {
  const codes = new Map([
    [reports.updated, 0],
    [reports.upToDate, 0],
    [reports.wouldUpdate, 0],
    [reports.refused, 3],
    [reports.rolledBack, 4],
    [reports.needsPerson, 5],
  ]);
  for (const [report, code] of codes) {
    const process = capturedProcess();
    await presentUpdate(
      process,
      { json: false },
      () => Promise.resolve(report),
    );
    assertEquals(process.exitCode, code);
    assertEquals(process.written, {
      stdout: renderReport(report, PLAIN),
      stderr: "",
    });
  }
});

Deno.test("with verbose a check is drawn with every one of its checks", async () => {
  const process = capturedProcess();
  const report = () => Promise.resolve(reports.wouldUpdate);
  await presentUpdate(
    process,
    { json: false, view: "check", verbose: true },
    report,
  );
  assertEquals(
    process.written.stdout,
    renderReport(reports.wouldUpdate, PLAIN, { view: "check", verbose: true }),
  );
  for (const { id } of reports.wouldUpdate.checks) {
    assertStringIncludes(process.written.stdout, `${id}: `);
  }
});

Deno.test("with json the report is all that is printed", async () => {
  const process = capturedProcess();
  await presentUpdate(process, { json: true }, (observer) => {
    observer("facts");
    return Promise.resolve(reports.rolledBack);
  });
  assertEquals(JSON.parse(process.written.stdout), reports.rolledBack);
  assertEquals(process.written.stderr, "");
  assertEquals(process.exitCode, 4);
});

Deno.test("without json an error prints nothing here", async () => {
  const process = capturedProcess();
  await assertRejects(
    () =>
      presentUpdate(
        process,
        { json: false },
        () => Promise.reject(new Error("x")),
      ),
    Error,
    "x",
  );
  assertEquals(process.written, { stdout: "", stderr: "" });
});

Deno.test("whoever watches sees the phase at hand, and then no more", async () => {
  const process = capturedProcess();
  const watched = {
    ...process,
    stderr: { ...process.stderr, isTerminal: true, canOverwrite: true },
  };
  await presentUpdate(watched, { json: false }, (observer, onCheck) => {
    observer("facts");
    onCheck({ id: "libvirt", number: 2, total: 59 });
    observer("load");
    return Promise.resolve(reports.updated);
  });
  assertEquals(
    process.written.stderr,
    "  facts …\r\u001b[K  preflight, check 2 of 59: libvirt …\r\u001b[K" +
      "  load …\r\u001b[K",
  );
});
