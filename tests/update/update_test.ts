/** What an update comes to, by the phase that fails and by what is left. */

import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { QmpError } from "../../lib/qmp/mod.ts";
import {
  FAILURES,
  type Outcome,
  RefusedError,
  UpdateProblem,
} from "../../lib/update/error.ts";
import { check, CPR_EXEC, update } from "../../lib/update/update.ts";
import { type Script, ScriptedHost } from "./scripted_host.ts";
import { type Answer, CLOSES, Refusal, SILENT } from "./scripted_monitor.ts";

/** A phase that fails, and what has to come of it. */
interface Row {
  readonly phase: string;
  readonly fault: string;
  readonly script: Script;
  /** Row and column of the table. */
  readonly failure: readonly [keyof typeof FAILURES, string];
  readonly outcome: Outcome;
  readonly says: RegExp;
  /** The commands that change something, signals and steps, in their order. */
  readonly heard: readonly string[];
  /** What is left for `cprctl recover`. */
  readonly left?: readonly string[];
}

const fails = (): never => {
  throw new UpdateProblem("broken", "It is broken");
};

/** What is sent on the way to each phase. */
const PREPARED = [
  "source: migrate-set-parameters",
  "source: migrate-set-capabilities",
];
const GIVEN_BACK = PREPARED;
const STOPPED = [...PREPARED, "source: migrate"];
const HELD = [...STOPPED, "standby: hold"];
const MOVED = [...HELD, "source: migrate-continue"];
const LOADED = [
  ...MOVED,
  "destination: migrate-set-capabilities",
  "destination: migrate-incoming",
];
const RESUMED = [...LOADED, "destination: cont"];
const SETTLED = [
  "destination: migrate-set-parameters",
  "destination: migrate-set-capabilities",
];
const ROLLED_BACK = [
  "vm: SIGKILL",
  "standby: go",
  "old: migrate-set-capabilities",
  "old: migrate-incoming",
  "old: cont",
  "old: migrate-set-parameters",
  "old: migrate-set-capabilities",
];
const RECOVERABLE = ["directory", "standby"];

/** The program tells why it ends, and does. */
const shutsDown = (reason: string): Answer => (monitor) => {
  monitor.event("SHUTDOWN", { reason });
  monitor.end();
  return CLOSES;
};

const RUNS = { status: "running", running: true };

const ROWS: readonly Row[] = [
  {
    phase: "facts",
    fault: "another cprctl has the VM",
    script: {
      fails: {
        lock: () => {
          throw new RefusedError("busy", "It is busy");
        },
      },
    },
    failure: ["untouched", "source"],
    outcome: "refused",
    says: /^It is busy$/,
    heard: [],
  },
  {
    phase: "facts",
    fault: "its process has ended",
    script: { ended: true },
    failure: ["untouched", "nothing"],
    outcome: "needs-person",
    says: /ended before the VM was touched/,
    heard: [],
  },
  {
    phase: "preflight",
    fault: "a check refuses",
    script: { checks: "refuse" },
    failure: ["untouched", "source"],
    outcome: "refused",
    says: /RAM is private/,
    heard: [],
  },
  {
    phase: "preflight",
    fault: "a client shuts the VM down",
    script: {
      source: {
        "query-block": shutsDown("host-qmp-quit"),
      },
    },
    failure: ["untouched", "shut down"],
    outcome: "shut-down",
    says: /told it to quit/,
    heard: [],
  },
  {
    phase: "prepare",
    fault: "no standby process starts",
    script: { fails: { standby: fails } },
    failure: ["untouched", "source"],
    outcome: "refused",
    says: /^It is broken$/,
    heard: [],
  },
  {
    phase: "prepare",
    fault: "the new program cannot be given vhost",
    script: { vhost: [24], fails: { giveVhost: fails } },
    failure: ["untouched", "source"],
    outcome: "refused",
    says: /^It is broken$/,
    heard: ["source: remove-fd", ...GIVEN_BACK],
  },
  {
    phase: "prepare",
    fault: "the warm-up fails",
    script: { fails: { warmUp: fails } },
    failure: ["untouched", "source"],
    outcome: "refused",
    says: /^It is broken$/,
    heard: [...PREPARED, ...GIVEN_BACK],
  },
  {
    phase: "migrate",
    fault: "QEMU refuses it",
    script: { source: { "migrate": () => new Refusal("No room") } },
    failure: ["stopped", "source"],
    outcome: "rolled-back",
    says: /failed: No room; the VM runs on the old program$/,
    heard: [...STOPPED, ...GIVEN_BACK],
  },
  {
    phase: "migrate",
    fault: "the monitor closes, and the process is there",
    script: { source: { "migrate": () => CLOSES } },
    failure: ["stopped", "silent"],
    outcome: "needs-person",
    says: /does not answer/,
    heard: STOPPED,
    left: RECOVERABLE,
  },
  {
    phase: "migrate",
    fault: "the host fails before the command is sent",
    script: { fails: { urgency: fails } },
    failure: ["stopped", "source"],
    outcome: "rolled-back",
    says: /^It is broken; the VM runs on the old program$/,
    heard: [...PREPARED, "source: migrate_cancel", ...GIVEN_BACK],
  },
  {
    phase: "hold",
    fault: "the descriptors cannot be duplicated",
    script: { fails: { hold: fails } },
    failure: ["stopped", "source"],
    outcome: "rolled-back",
    says: /^It is broken; the VM runs on the old program$/,
    heard: [...STOPPED, "source: migrate_cancel", ...GIVEN_BACK],
  },
  {
    phase: "hold",
    fault: "vhost-net cannot be opened for a rollback",
    script: { fails: { renewVhost: fails } },
    failure: ["stopped", "source"],
    outcome: "rolled-back",
    says: /^It is broken; the VM runs on the old program$/,
    heard: [...STOPPED, "source: migrate_cancel", ...GIVEN_BACK],
  },
  {
    phase: "hold",
    fault: "the process ends before it can be cancelled",
    script: {
      fails: { hold: fails },
      source: {
        "migrate_cancel": (monitor) => {
          monitor.end();
          return CLOSES;
        },
      },
    },
    failure: ["stopped", "nothing"],
    outcome: "needs-person",
    says: /ended before it had saved the devices/,
    heard: [...STOPPED, "source: migrate_cancel"],
    left: ["directory"],
  },
  {
    phase: "hold",
    fault: "the guest powers off",
    script: {
      fails: { hold: fails },
      source: {
        "migrate_cancel": shutsDown("guest-shutdown"),
      },
    },
    failure: ["stopped", "shut down"],
    outcome: "shut-down",
    says: /before it was moved: its guest powered it off/,
    heard: [...STOPPED, "source: migrate_cancel"],
  },
  {
    phase: "switchover",
    fault: "the exec fails",
    script: {
      source: {
        "migrate-continue": (monitor) =>
          monitor.migration("device", "completed", "failed"),
        "query-migrate": () => ({ "error-desc": "execvp new failed" }),
      },
    },
    failure: ["moved", "source"],
    outcome: "rolled-back",
    says: /execvp new failed; the VM runs on the old program/,
    heard: [...MOVED, ...GIVEN_BACK],
  },
  {
    phase: "switchover",
    fault: "the new program does not start",
    script: { silent: true },
    failure: ["moved", "saved"],
    outcome: "rolled-back",
    says: /^Nothing answers; the VM runs on the old program/,
    heard: [...MOVED, ...ROLLED_BACK],
  },
  {
    phase: "switchover",
    fault: "the saved state is incomplete",
    script: { torn: true },
    failure: ["moved", "torn"],
    outcome: "needs-person",
    says: /had not saved the devices yet/,
    heard: MOVED,
    left: RECOVERABLE,
  },
  {
    phase: "switchover",
    fault: "the guest powers off before its state is saved",
    script: {
      torn: true,
      source: {
        "migrate-continue": shutsDown("guest-shutdown"),
      },
    },
    failure: ["moved", "shut down"],
    outcome: "shut-down",
    says: /its guest powered it off/,
    heard: MOVED,
  },
  {
    phase: "load",
    fault: "the new program refuses the state",
    script: {
      destination: {
        "migrate-incoming": (monitor) => monitor.migration("failed"),
        "query-migrate": () => ({ "error-desc": "Missing section" }),
      },
    },
    failure: ["moved", "saved"],
    outcome: "rolled-back",
    says: /Missing section; the VM runs on the old program/,
    heard: [...LOADED, ...ROLLED_BACK],
  },
  {
    phase: "verify",
    fault: "the guest would find another PCI device",
    script: {
      destination: {
        "query-pci": () => [{ devices: [{ bus: 0, slot: 4, function: 0 }] }],
      },
    },
    failure: ["moved", "saved"],
    outcome: "rolled-back",
    says:
      /same VM: .*PCI device "00:04\.0" is new; the VM runs on the old program/,
    heard: [...LOADED, ...ROLLED_BACK],
  },
  {
    phase: "verify",
    fault: "another client resumes the guest",
    script: {
      destination: {
        "query-pci": (monitor) => {
          monitor.event("RESUME");
          return [{ devices: [{ bus: 0, slot: 4, function: 0 }] }];
        },
      },
    },
    failure: ["moved", "ran"],
    outcome: "needs-person",
    says: /another client resumed the guest/,
    heard: LOADED,
    left: RECOVERABLE,
  },
  {
    phase: "commit",
    fault: "the new program cannot have the disks",
    script: { destination: { "cont": () => new Refusal("Failed to lock") } },
    failure: ["moved", "saved"],
    outcome: "rolled-back",
    says: /failed: Failed to lock; the VM runs on the old program/,
    heard: [...RESUMED, ...ROLLED_BACK],
  },
  {
    phase: "commit",
    fault: "the guest stops again",
    script: {
      destination: {
        "cont": (monitor) => monitor.event("RESUME"),
        "query-status": () => ({ status: "paused", running: false }),
      },
    },
    failure: ["moved", "ran"],
    outcome: "needs-person",
    says: /and stopped again: "paused"/,
    heard: RESUMED,
    left: RECOVERABLE,
  },
  {
    phase: "commit",
    fault: "the new program ends once the guest has run",
    script: {
      destination: {
        "cont": (monitor) => {
          monitor.event("RESUME");
          monitor.end();
        },
        "query-status": () => RUNS,
      },
    },
    failure: ["moved", "ended"],
    outcome: "needs-person",
    says: /memory and disks are newer/,
    heard: [...RESUMED, ...SETTLED],
  },
  {
    phase: "commit",
    fault: "the guest powers off once it has run",
    script: {
      destination: {
        "cont": (monitor) => {
          monitor.event("RESUME");
          monitor.end();
          monitor.event("SHUTDOWN", { reason: "guest-shutdown" });
        },
        "query-status": () => RUNS,
      },
    },
    failure: ["moved", "shut down"],
    outcome: "shut-down",
    says: /right after it was moved: its guest powered it off/,
    heard: [...RESUMED, ...SETTLED],
  },
  {
    phase: "commit",
    fault: "the old program ends once the guest has run on it again",
    script: {
      destination: { "cont": () => new Refusal("Failed to lock") },
      old: {
        "cont": (monitor) => {
          monitor.event("RESUME");
          monitor.end();
        },
        "query-status": () => RUNS,
      },
    },
    failure: ["moved", "ended"],
    outcome: "needs-person",
    says: /ended.*; the update had failed before: .*Failed to lock/,
    heard: [...RESUMED, ...ROLLED_BACK],
  },
  {
    phase: "commit",
    fault: "the new program cannot be ended",
    script: {
      destination: { "cont": () => new Refusal("Failed to lock") },
      immortal: true,
    },
    failure: ["moved", "stuck"],
    outcome: "needs-person",
    says: /does not end on SIGKILL; .* failed before: .*Failed to lock/,
    heard: [...RESUMED, "vm: SIGKILL"],
    left: RECOVERABLE,
  },
];

/** Commands that only ask. */
const ASKS = /: (query-|qom-|human-monitor-command)/;

const REQUEST = { address: { path: "/run/vm.qmp" }, self: ["cprctl"] };

for (const row of ROWS) {
  Deno.test(`${row.phase}: ${row.fault}: ${row.outcome}`, async () => {
    await using host = new ScriptedHost(row.script);
    const report = await update(REQUEST, host.system);
    const said = report.error?.message ?? report.warnings.join("; ");
    assertEquals(report.outcome, row.outcome, said);
    assertMatch(said, row.says);
    assertEquals(host.heard.filter((it) => !ASKS.test(it)), row.heard);
    assertEquals(host.left, row.left ?? []);
    assertEquals(report.phases.some(({ name }) => name === row.phase), true);
    const isOver = row.outcome === "needs-person" ||
      row.outcome === "shut-down";
    assertEquals(report.pid_after === null, isOver);
  });
}

const LIARS: readonly [what: string, answer: () => unknown, says: RegExp][] = [
  [
    "does not answer",
    () => SILENT,
    /No answer to "query-kvm" .* within \d{1,3} ms/,
  ],
  ["answers too much", () => "x".repeat(9 << 20), /violated the protocol/],
  ["closes its monitor", () => CLOSES, /ended the connection/],
];

for (const [what, answer, says] of LIARS) {
  Deno.test(`a loaded program that ${what} is rolled back in time`, async () => {
    await using host = new ScriptedHost({
      destination: { "query-kvm": answer },
    });
    const timeoutMs = answer() === SILENT ? 1_000 : undefined;
    const request = { ...REQUEST, timeoutMs };
    const { outcome, error } = await update(request, host.system);
    assertEquals(outcome, "rolled-back", error?.message);
    assertMatch(error?.message ?? "", says);
  });
}

Deno.test("a difference is in the report, whatever becomes of it", async () => {
  for (
    const [object, outcome] of [
      [{ id: "ram0", size: 2, merge: true }, "rolled-back"],
      [{ id: "ram0", size: 1, merge: false }, "updated"],
    ] as const
  ) {
    await using host = new ScriptedHost({
      source: { "query-memdev": () => [{ id: "ram0", size: 1, merge: true }] },
      destination: { "query-memdev": () => [object] },
    });
    const report = await update(REQUEST, host.system);
    assertEquals(report.outcome, outcome, report.error?.message);
    assertEquals(report.differences.length, 1);
  }
});

Deno.test("a successful update leaves nothing behind", async () => {
  await using host = new ScriptedHost({});
  const report = await update(REQUEST, host.system);
  assertEquals(report.error, null);
  assertEquals([report.outcome, report.changed], ["updated", true]);
  assertEquals(
    report.phases.map(({ name }) => name),
    CPR_EXEC.map(({ name }) => name),
  );
  const heard = host.heard.filter((it) => !ASKS.test(it));
  assertEquals(heard, [...RESUMED, ...SETTLED]);
  assertEquals(host.left, []);
});

Deno.test("another process at the monitor is not the VM", async () => {
  await using host = new ScriptedHost({});
  const error = await assertRejects(
    () => update({ ...REQUEST, pid: Deno.pid + 1 }, host.system),
    RefusedError,
  );
  assertEquals(error.code, "other-listener");
  assertEquals(host.heard, []);
  const { outcome } = await update(
    { ...REQUEST, pid: Deno.pid },
    host.system,
  );
  assertEquals(outcome, "updated");
});

Deno.test("an update of a VM that keeps changing fails", async () => {
  let blocks = 0;
  await using host = new ScriptedHost({
    source: { "query-block": () => [{ device: `disk${blocks++}` }] },
  });
  const report = await update(REQUEST, host.system);
  assertEquals(report.outcome, "rolled-back");
  assertEquals(report.error?.code, "cancelled");
  const migrations = host.heard.filter((it) => it === "source: migrate");
  assertEquals(migrations.length, 3);
});

Deno.test("a rollback that breaks leaves what recover needs", async () => {
  await using host = new ScriptedHost({ broken: true });
  const report = await update(REQUEST, host.system);
  assertEquals([report.outcome, report.error?.code], [
    "needs-person",
    "internal",
  ]);
  assertEquals(host.heard.filter((it) => !ASKS.test(it)), LOADED);
  assertEquals(host.left, RECOVERABLE);
});

Deno.test("an unreachable monitor is an error without a report", async () => {
  await using host = new ScriptedHost({ fails: { connect: failsToConnect } });
  await assertRejects(
    () => update(REQUEST, host.system),
    RefusedError,
    "Nobody listens",
  );
});

Deno.test("the tests cover every row of the table", () => {
  const met = new Map(
    ROWS.map(({ failure, outcome }) => [failure.join(", "), outcome]),
  );
  const table = Object.entries(FAILURES).flatMap(([stage, row]) =>
    Object.entries(row).map(([left, outcome]) => [`${stage}, ${left}`, outcome])
  );
  assertEquals(
    Object.fromEntries([...met].sort()),
    Object.fromEntries(table.sort()),
  );
});

function failsToConnect(): never {
  throw new QmpError("qmp-connect", "Nobody listens");
}

Deno.test("a VM that is up to date is checked if that was asked for", async () => {
  for (
    const [always, checks, outcome] of [
      [true, undefined, "up-to-date"],
      [true, "refuse", "refused"],
      [false, "refuse", "up-to-date"],
    ] as const
  ) {
    await using host = new ScriptedHost({
      current: true,
      ...checks === undefined ? {} : { checks },
    });
    const { address, self } = REQUEST;
    const request = { address, self, skipIfCurrent: true, always };
    const report = await check(request, host.system);
    assertEquals([report.outcome, report.changed], [outcome, false]);
  }
});
