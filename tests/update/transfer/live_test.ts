/** What an update by live migration comes to, where it copies the RAM. */

import { assertEquals, assertMatch } from "@std/assert";
import type { Outcome } from "../../../lib/update/error.ts";
import { LIVE, update } from "../../../lib/update/update.ts";
import { type Script, ScriptedHost } from "../scripted_host.ts";
import { CLOSES, Refusal } from "../scripted_monitor.ts";

const SETTINGS = [
  "source: migrate-set-parameters",
  "source: migrate-set-capabilities",
];
const STARTED = [
  ...["standby: hold", ...SETTINGS, "standby: go"],
  "destination: migrate-set-capabilities",
  "destination: migrate-incoming",
];
const COPYING = [...STARTED, "source: migrate"];
const FROZEN = ["new: SIGSTOP"];
const KILLED = ["new: SIGKILL", "vm: SIGCONT"];
const ENDED = [...FROZEN, ...KILLED];
const CANCELLED = [...ENDED, "source: migrate_cancel", ...SETTINGS];
/** Whether the source is about to end is seen once it is stopped. */
const REFENCED = [
  ...FROZEN,
  "vm: fence",
  ...KILLED,
  "source: cont",
  ...SETTINGS,
];
const COMMITTED = [
  ...[...COPYING, "vm: fence", "destination: cont"],
  ...["host: move", "vm: SIGKILL", "destination: migrate-set-parameters"],
  "destination: migrate-set-capabilities",
];
const PAUSED = { status: "paused", running: false };
const RUNS = { status: "running", running: true };

/** An update whose copy goes as it is told, and what has to come of it. */
interface Row {
  readonly name: string;
  readonly script: (host: () => ScriptedHost) => Script;
  readonly outcome: Outcome;
  readonly says?: RegExp;
  readonly heard: readonly string[];
}

const ROWS: readonly Row[] = [
  {
    name: "all is copied",
    script: (host) => ({
      source: { "migrate": () => host().completeCopy() },
    }),
    outcome: "updated",
    heard: COMMITTED,
  },
  {
    name: "a client pauses and resumes the guest meanwhile",
    script: (host) => ({
      source: {
        "migrate": (monitor) => {
          host().sourceState = PAUSED;
          monitor.event("STOP");
          host().sourceState = RUNS;
          monitor.event("RESUME");
          host().completeCopy();
        },
      },
    }),
    outcome: "updated",
    heard: COMMITTED,
  },
  {
    name: "the migration fails, and the destination knows why",
    script: (host) => ({
      destination: {
        "migrate-incoming": () => {},
        "query-migrate": () => ({ "error-desc": "Unknown ramblock" }),
      },
      source: {
        "migrate": (monitor) => {
          host().sourceMigration = "failed";
          monitor.migration("failed");
          host().refuseCopy();
        },
      },
    }),
    outcome: "rolled-back",
    says: /Unknown ramblock; the VM runs on the old program/,
    heard: [...COPYING, ...ENDED, ...SETTINGS],
  },
  {
    name: "the source refuses to migrate",
    script: () => ({ source: { "migrate": () => new Refusal("Blocked") } }),
    outcome: "rolled-back",
    says: /failed: Blocked; the VM runs on the old program/,
    heard: [...COPYING, ...ENDED, ...SETTINGS],
  },
  {
    name: "the guest crashes while it is copied",
    script: (host) => ({
      source: {
        "migrate": (monitor) => {
          host().sourceMigration = "active";
          host().sourceState = { status: "internal-error", running: false };
          monitor.event("STOP");
        },
      },
    }),
    outcome: "rolled-back",
    says: /"internal-error"/,
    heard: [...COPYING, ...CANCELLED],
  },
  {
    name: "the VM's process ends while it is copied",
    script: () => ({
      source: {
        "migrate": (monitor) => {
          monitor.end();
          return CLOSES;
        },
      },
    }),
    outcome: "needs-person",
    says: /ended before the new program had the VM/,
    heard: [...COPYING, ...FROZEN, "new: SIGKILL"],
  },
  {
    name: "the new program has another VM",
    script: (host) => ({
      source: { "migrate": () => host().completeCopy() },
      destination: {
        "query-pci": () => [{ devices: [{ bus: 0, slot: 4, function: 0 }] }],
      },
    }),
    outcome: "rolled-back",
    says: /same VM: .*00:04\.0.* is new; the VM runs on the old program/,
    heard: [...COPYING, "vm: fence", ...REFENCED],
  },
];

const ASKS = /: (query-|qom-|human-monitor-command)/;

for (const row of ROWS) {
  Deno.test(`${row.name}: ${row.outcome}`, async () => {
    await using host: ScriptedHost = new ScriptedHost({
      ...row.script(() => host),
      ...{ transfers: true, copies: true },
    });
    const report = await update({
      address: { path: "/run/vm.qmp" },
      self: ["cprctl"],
      mode: "live",
    }, host.system);
    const said = report.error?.message ?? "";
    assertEquals(report.outcome, row.outcome, said);
    assertMatch(said, row.says ?? /^$/);
    assertEquals(host.heard.filter((it) => !ASKS.test(it)), row.heard);
    if (report.outcome !== "updated") return;
    assertEquals(
      report.phases.map(({ name }) => name),
      LIVE.map(({ name }) => name),
    );
  });
}
