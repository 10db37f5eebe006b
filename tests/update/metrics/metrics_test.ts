import * as reports from "../../cli/reports.ts";
import { assertEquals, assertStringIncludes } from "@std/assert";
import type { HostList } from "../../../lib/update/host/list.ts";
import { History } from "../../../lib/update/metrics/history.ts";
import { renderMetrics } from "../../../lib/update/metrics/metrics.ts";
import type { Report } from "../../../lib/update/report/report.ts";
import { listed } from "../all/listed.ts";

const AT = new Date("2026-11-28T09:00:00.900Z");

const HOST: HostList = {
  schema: 1,
  vms: [
    listed({ pid: 7, name: "web-1" }),
    listed({ pid: 8, name: "web-2", binary_state: "same" }),
    listed({
      pid: 9,
      name: null,
      version: null,
      status: null,
      qmp: null,
      updatable: false,
      obstacle: 'it has no "QMP" socket',
    }),
  ],
  unreadable: 1,
  skipped: [{ pid: 10, why: "its command line is endless" }],
};

function ended(
  report: Report,
  pid: number | null,
  name: string | null,
): Report {
  return { ...report, pid_after: pid, vm: { ...report.vm, name } };
}

Deno.test("a host's VMs and their last updates", async (t) => {
  const history = History.read("");
  history.add(ended(reports.updated, 7, "web-1"), AT);
  history.add(ended(reports.rolledBack, 8, "web-2"), AT);
  history.add(ended(reports.refused, 9, null), AT);
  await t.assertSnapshot(renderMetrics(HOST, history));
});

Deno.test("the history is read back from the metrics", () => {
  const history = History.read("");
  history.add(ended(reports.updated, 7, "web-1"), AT);
  history.add(ended(reports.refused, 9, null), AT);
  const text = renderMetrics(HOST, history);
  assertEquals(renderMetrics(HOST, History.read(text)), text);

  const next = History.read(text);
  next.add(ended(reports.updated, 7, "web-1"), AT);
  assertEquals(next.count("updated"), 2);
  assertEquals(next.count("refused"), 1);
});

Deno.test("a check is not counted as an update", () => {
  const history = History.read("");
  history.add(ended(reports.wouldUpdate, 7, "web-1"), AT);
  history.add(ended(reports.upToDate, 7, "web-1"), AT);
  assertEquals(
    renderMetrics(HOST, history),
    renderMetrics(HOST, History.read("")),
  );
});

Deno.test("a VM that has ended is forgotten, also if its pid is reused", () => {
  const history = History.read("");
  history.add(ended(reports.updated, 7, "web-1"), AT);
  const text = renderMetrics(HOST, history);
  const vms = [listed({ pid: 7, name: "another" })];
  const later = renderMetrics({ ...HOST, vms }, History.read(text));
  assertEquals(later.includes("web-1"), false);
  assertEquals(later.match(/^cprctl_vm_last\w+/m), null);
  assertStringIncludes(later, 'cprctl_updates_total{outcome="updated"} 1');
});

Deno.test("an invalid file counts as an empty history", () => {
  const nonsense = [
    'cprctl_updates_total{outcome="constructor"} 5',
    'cprctl_updates_total{outcome="updated"} -5',
    'cprctl_vm_last_update_time_seconds{name="web-1",pid="7"} 5',
    "<html>",
  ].join("\n");
  assertEquals(
    renderMetrics(HOST, History.read(nonsense)),
    renderMetrics(HOST, History.read("")),
  );
});
