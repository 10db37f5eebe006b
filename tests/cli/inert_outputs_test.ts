/** What a hostile VM says of itself, in every form that people look at. */

import * as reports from "./reports.ts";
import { assert, assertStringIncludes } from "@std/assert";
import { inertAnswer, updateAnswer } from "../../lib/cli/ansible/answer.ts";
import { differenceMade } from "../../lib/cli/ansible/difference.ts";
import { renderPage } from "../../lib/cli/html/mod.ts";
import { presentAll } from "../../lib/cli/present/all.ts";
import { presentUpdate } from "../../lib/cli/present/report.ts";
import { renderList } from "../../lib/cli/terminal/list.ts";
import { mapTexts } from "../../lib/inert.ts";
import { allReport } from "../../lib/update/all/all_report.ts";
import { History } from "../../lib/update/metrics/history.ts";
import { renderMetrics } from "../../lib/update/metrics/metrics.ts";
import { listed } from "../update/all/listed.ts";
import { capturedProcess, PLAIN } from "../../testing/program/captured.ts";

/** A title and a colour of either kind, a turned direction, a carriage return. */
const HOSTILE = "\x1b]0;T\x07 \x9b31m \u202etxt \u2066 \u061c \r\x7f\u2028";
const ACTIVE =
  // deno-lint-ignore no-control-regex -- control characters are the point
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u2028-\u202e\u2066-\u2069]/;

const FIXED = new Set(["QEMU", "cprctl", "cpr-exec"]);
const REPORTS = Object.values(reports).map((report) => ({
  ...mapTexts(report, (text) => FIXED.has(text) ? text : text + HOSTILE),
  outcome: report.outcome,
  phases: report.phases,
  checks: report.checks.map((check) => ({
    ...check,
    detail: HOSTILE,
    remedy: HOSTILE,
  })),
}));

const VM = {
  ...listed({ pid: 7 }),
  name: HOSTILE,
  version: HOSTILE,
  status: HOSTILE,
  binary: HOSTILE,
  qmp: HOSTILE,
  updatable: false,
  obstacle: HOSTILE,
};
const HOST = { schema: 1, vms: [VM], unreadable: 0, skipped: [] } as const;

function assertInert(text: string): void {
  const at = ACTIVE.exec(text);
  assert(at === null, JSON.stringify(text.slice(0, at?.index).slice(-60)));
}

Deno.test("reports: in words, as JSON, as pages", async () => {
  for (const report of REPORTS) {
    for (const json of [false, true]) {
      const process = capturedProcess();
      const { written } = process;
      await presentUpdate(process, { json }, () => Promise.resolve(report));
      assertInert(written.stdout + written.stderr);
      assertStringIncludes(written.stdout, json ? "\\u009b" : "\\x9b31m");
    }
    assertInert(renderPage(report, { host: "host", at: new Date(0) }));
  }
});

Deno.test("many VMs: in words, as JSON", async () => {
  const all = allReport({
    results: REPORTS,
    starts: REPORTS.map(() => 0),
    leftOut: [{
      pid: 7,
      name: HOSTILE,
      qmp: HOSTILE,
      code: "sandbox",
      due: true,
      why: HOSTILE,
    }],
    unreadable: 0,
    interrupted: false,
    durationMs: 1,
  });
  for (const json of [false, true]) {
    const process = capturedProcess();
    const { written } = process;
    const flags = { json };
    await presentAll(process, flags, () => Promise.resolve(all));
    assertInert(written.stdout + written.stderr);
  }
});

Deno.test("a host's VMs: in words, as metrics", () => {
  assertInert(renderList(HOST, PLAIN));
  assertInert(renderMetrics(HOST, History.read("")));
});

Deno.test("metrics know a VM again whatever its name", () => {
  const [report] = REPORTS;
  assert(report !== undefined);
  const history = History.read("");
  history.add({ ...report, pid_after: 7 }, new Date(0));
  const vm = { ...VM, name: report.vm.name };
  const text = renderMetrics({ ...HOST, vms: [vm] }, history);
  assertInert(text);
  assert(History.read(text).lastOf(vm) !== undefined, text);
});

Deno.test("Ansible's answers and differences", async () => {
  const executable = { path: HOSTILE, replaced: false, dev: "1", ino: "1" };
  const observation = {
    pid: 7,
    startTime: "1",
    version: HOSTILE,
    executable,
    argv: [HOSTILE, "-object", "secret,id=s0,data=hunter2"],
    running: true,
  };
  for (const report of REPORTS) {
    const before = { before: observation, after: observation };
    const answer = inertAnswer(await updateAnswer(report, before));
    const { msg, remedy, warnings } = answer;
    for (const each of [msg, remedy, ...[warnings ?? []].flat()]) {
      assertInert(String(each));
    }
  }
  const difference = differenceMade(HOSTILE, observation, observation);
  for (const text of Object.values(difference)) assertInert(text);
  assertStringIncludes(difference.after, "data=REDACTED");
  assert(!JSON.stringify(difference).includes("hunter2"));
});
