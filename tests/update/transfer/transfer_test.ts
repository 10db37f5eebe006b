/** What a cpr-transfer comes to, by the phase that fails and what is left. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import {
  type Outcome,
  RefusedError,
  UpdateProblem,
} from "../../../lib/update/error.ts";
import { CPR_TRANSFER, update } from "../../../lib/update/update.ts";
import { type Script, ScriptedHost } from "../scripted_host.ts";
import {
  type Answer,
  CLOSES,
  Refusal,
  type ScriptedMonitor,
} from "../scripted_monitor.ts";

const fails = (): never => {
  throw new UpdateProblem("broken", "It is broken");
};

const SETTINGS = [
  "source: migrate-set-parameters",
  "source: migrate-set-capabilities",
];
const HELD = ["standby: hold"];
const STARTED = [...HELD, ...SETTINGS, "standby: go"];
const MIGRATED = [...STARTED, "source: migrate"];
const STOPPED = [
  ...MIGRATED,
  "destination: migrate-set-capabilities",
  "destination: migrate-incoming",
];
const FENCE = ["vm: fence"];
const FENCED = [...STOPPED, ...FENCE];
const RESUMED = [...FENCED, "destination: cont"];
const SETTLED = [
  "host: move",
  "vm: SIGKILL",
  "destination: migrate-set-parameters",
  "destination: migrate-set-capabilities",
];
/** The destination ends before the source goes on. */
const ENDED = ["new: SIGKILL", "vm: SIGCONT"];
const FROZEN = ["new: SIGSTOP"];
/** The destination has the guest, and keeps it. */
const KEEPS = [...FROZEN, "vm: SIGKILL", "new: SIGCONT"];
const CANCELLED = [...ENDED, "source: migrate_cancel", ...SETTINGS];
const RESUMES = [...ENDED, "source: cont", ...SETTINGS];
const RETURNED = [...FROZEN, ...RESUMES];
/** Whether the source is about to end is seen once it is stopped. */
const REFENCED = [...FROZEN, ...FENCE, ...RESUMES];

/** A phase that fails, and what has to come of it. */
interface Row {
  readonly phase: string;
  readonly fault: string;
  readonly script: (host: () => ScriptedHost) => Script;
  readonly outcome: Outcome;
  readonly says: RegExp;
  readonly warns?: RegExp;
  readonly heard: readonly string[];
  readonly left?: readonly string[];
}

const RUNS = { status: "running", running: true };
const PAUSED = { status: "paused", running: false };

/** The new program cannot load a paused VM. */
function refusesPaused(host: () => ScriptedHost): Script {
  return {
    paused: true,
    source: {
      "migrate": (monitor) => {
        host().sourceState = PAUSED;
        monitor.migration("setup");
      },
    },
    destination: {
      "migrate-incoming": (monitor) => {
        host().hangUp();
        monitor.migration("failed");
      },
    },
  };
}

/** Succeeds once, for the VM's process. */
function lockedSecond(): () => never {
  let asked = 0;
  const lock = () => {
    if (asked++ > 0) throw new RefusedError("locked", "It is locked");
    return Promise.resolve({ [Symbol.dispose]() {} });
  };
  return lock as () => never;
}

/** Hours pass: no time is left for the update. */
function timePasses(): Disposable {
  const now = performance.now.bind(performance);
  performance.now = () => now() + 3_600_000;
  return { [Symbol.dispose]: () => void (performance.now = now) };
}

const ends: Answer = (monitor: ScriptedMonitor) => {
  monitor.end();
  return CLOSES;
};

const ROWS: readonly Row[] = [
  {
    phase: "preflight",
    fault: "a check refuses",
    script: () => ({ checks: "refuse" }),
    outcome: "refused",
    says: /RAM is private/,
    heard: [],
  },
  {
    phase: "prepare",
    fault: "no standby process starts",
    script: () => ({ fails: { standby: fails } }),
    outcome: "refused",
    says: /^It is broken$/,
    heard: [],
  },
  {
    phase: "prepare",
    fault: "the warm-up fails",
    script: () => ({ fails: { warmUp: fails } }),
    outcome: "refused",
    says: /^It is broken$/,
    heard: HELD,
  },
  {
    phase: "migrate",
    fault: "the new program does not start",
    script: () => ({ fails: { appears: fails } }),
    outcome: "rolled-back",
    says: /^It is broken; the VM runs on the old program$/,
    heard: [...STARTED, ...ENDED, ...SETTINGS],
  },
  {
    phase: "migrate",
    fault: "QEMU refuses it",
    script: () => ({ source: { "migrate": () => new Refusal("No room") } }),
    outcome: "rolled-back",
    says: /failed: No room; the VM runs on the old program$/,
    heard: [...MIGRATED, ...ENDED, ...SETTINGS],
  },
  {
    phase: "migrate",
    fault: "the new program does not answer",
    script: () => ({ silent: true }),
    outcome: "rolled-back",
    says: /^Nothing answers; the VM runs on the old program$/,
    heard: [...MIGRATED, ...CANCELLED],
  },
  {
    phase: "migrate",
    fault: "the new program was made with other memory",
    script: () => ({
      source: { "query-memdev": () => [{ id: "ram0", size: 2 }] },
      destination: { "query-memdev": () => [{ id: "ram0", size: 3 }] },
    }),
    outcome: "rolled-back",
    says: /same VM: .*"size" was 2, is 3; the VM runs on the old program/,
    heard: [...MIGRATED, ...FROZEN, ...CANCELLED],
  },
  {
    phase: "migrate",
    fault: "a file is in the way",
    script: () => ({ fails: { remove: (() => ["It stays"]) as () => never } }),
    outcome: "refused",
    says: /^It stays$/,
    heard: HELD,
  },
  {
    phase: "migrate",
    fault: "another cprctl works on the new process",
    script: () => ({ fails: { lock: lockedSecond() } }),
    outcome: "rolled-back",
    says: /^It is locked; the VM runs on the old program$/,
    heard: [...STARTED, ...ENDED, ...SETTINGS],
  },
  {
    phase: "migrate",
    fault: "a client pauses the VM, and the new program does not answer",
    script: (host) => ({
      silent: true,
      source: {
        "migrate": (monitor) => {
          host().sourceState = PAUSED;
          host().sourceMigration = "setup";
          monitor.event("STOP");
        },
      },
    }),
    outcome: "rolled-back",
    says: /^Nothing answers; the VM is paused on the old program$/,
    heard: [...MIGRATED, ...CANCELLED],
  },
  {
    phase: "migrate",
    fault: "the VM's process ends",
    script: () => ({ source: { "migrate": ends } }),
    outcome: "needs-person",
    says: /ended before the new program had the VM/,
    heard: [...MIGRATED, "new: SIGKILL"],
    left: ["directory"],
  },
  {
    phase: "migrate",
    fault: "the guest powers off",
    script: () => ({
      source: {
        "migrate": (monitor) => {
          monitor.event("SHUTDOWN", { reason: "guest-shutdown" });
          monitor.end();
          return CLOSES;
        },
      },
    }),
    outcome: "shut-down",
    says: /its guest powered it off/,
    heard: [...MIGRATED, "new: SIGKILL"],
  },
  {
    phase: "switchover",
    fault: "the new program refuses the state",
    script: (host) => ({
      destination: {
        "migrate-incoming": (monitor) => {
          host().hangUp();
          monitor.migration("failed");
        },
        "query-migrate": () => ({ "error-desc": "Missing section" }),
      },
    }),
    outcome: "rolled-back",
    says: /Missing section; the VM runs on the old program/,
    heard: [...STOPPED, ...RETURNED],
  },
  {
    phase: "switchover",
    fault: "the settings cannot be restored",
    script: (host) => ({
      destination: {
        "migrate-incoming": (monitor) => {
          host().hangUp();
          monitor.migration("failed");
        },
      },
      source: {
        "migrate-set-parameters": () =>
          host().sourceMigration === "none" ? {} : new Refusal("No"),
      },
    }),
    outcome: "rolled-back",
    says: /the VM runs on the old program/,
    heard: [...STOPPED, ...RETURNED],
    left: ["directory"],
  },
  {
    phase: "switchover",
    fault: "a client has resumed the VM, and the state is refused",
    script: (host) => ({
      paused: true,
      destination: {
        "migrate-incoming": (monitor) => {
          host().hangUp();
          monitor.migration("failed");
        },
      },
    }),
    outcome: "rolled-back",
    says: /the VM runs on the old program/,
    heard: [...STOPPED, ...RETURNED],
  },
  {
    phase: "switchover",
    fault: "the state of a paused VM is refused, and nothing can be ended",
    script: (host) => ({ ...refusesPaused(host), immortal: true }),
    outcome: "needs-person",
    says: /does not end on SIGKILL; until .* cannot load the state/,
    heard: [...STOPPED, ...FROZEN, "new: SIGKILL"],
    left: ["directory"],
  },
  {
    phase: "switchover",
    fault: "the state of a paused VM is refused",
    script: refusesPaused,
    outcome: "rolled-back",
    says: /is stopped, as before, in run state "postmigrate" instead of/,
    heard: [
      ...STOPPED,
      ...FROZEN,
      ...ENDED,
      "source: blockdev-set-active",
      ...SETTINGS,
    ],
  },
  {
    phase: "switchover",
    fault: "the source cannot save its devices",
    script: (host) => ({
      destination: {
        "migrate-incoming": (monitor) => {
          host().hangUp("failed");
          monitor.migration("completed");
        },
      },
      source: {
        "query-migrate": () => ({ status: "failed", "error-desc": "No way" }),
      },
    }),
    outcome: "rolled-back",
    says: /The migration failed: No way; the VM runs on the old program/,
    heard: [...STOPPED, ...RETURNED],
  },
  {
    phase: "switchover",
    fault: "the new program ends",
    script: (host) => ({
      // The end of the source is not waited for: the guest is stopped.
      patient: true,
      destination: {
        "migrate-incoming": (monitor) => {
          host().hangUp();
          monitor.end();
          return CLOSES;
        },
      },
    }),
    outcome: "rolled-back",
    says: /new program failed: process \d+ ended; the VM runs on the old/,
    heard: [...STOPPED, ...FROZEN, "vm: SIGCONT", "source: cont", ...SETTINGS],
  },
  {
    phase: "verify",
    fault: "the guest would find another PCI device",
    script: () => ({
      destination: {
        "query-pci": () => [{ devices: [{ bus: 0, slot: 4, function: 0 }] }],
      },
    }),
    outcome: "rolled-back",
    says: /same VM: .*00:04\.0.* is new; the VM runs on the old program/,
    heard: [...FENCED, ...REFENCED],
  },
  {
    phase: "verify",
    fault: "another client resumes the guest on the destination",
    script: () => ({
      destination: {
        "query-pci": (monitor) => {
          monitor.event("RESUME");
          return [{ devices: [{ bus: 0, slot: 4, function: 0 }] }];
        },
      },
    }),
    outcome: "needs-person",
    says: /has run on the new program/,
    heard: [...FENCED, ...KEEPS],
    left: ["directory"],
  },
  {
    phase: "verify",
    fault: "another client resumes the guest just before it is rolled back",
    script: () => ({
      resumedAtStop: true,
      destination: {
        "query-pci": () => [{ devices: [{ bus: 0, slot: 4, function: 0 }] }],
      },
    }),
    outcome: "needs-person",
    says: /has run on the new program/,
    heard: [...FENCED, ...KEEPS],
    left: ["directory"],
  },
  {
    phase: "verify",
    fault: "the source was killed and is about to end",
    script: () => ({
      endsAtFence: true,
      destination: {
        "query-pci": () => [{ devices: [{ bus: 0, slot: 4, function: 0 }] }],
      },
    }),
    outcome: "needs-person",
    says: /old program.* has ended, and the new one has the VM, paused/,
    heard: [...FENCED, ...FROZEN, ...FENCE, "new: SIGCONT"],
    left: ["directory"],
  },
  {
    phase: "verify",
    fault: "the source ends when all is loaded",
    script: (host) => ({
      destination: {
        "query-pci": () => {
          host().ended = true;
          return [{ devices: [{ bus: 0, slot: 4, function: 0 }] }];
        },
      },
    }),
    outcome: "needs-person",
    says: /the new one has the VM, paused, as process/,
    heard: [...FENCED, ...FROZEN, ...FENCE, "new: SIGCONT"],
    left: ["directory"],
  },
  {
    phase: "commit",
    fault: "the source does not stop",
    script: () => ({ fails: { fence: fails } }),
    outcome: "rolled-back",
    says: /^It is broken; the VM runs on the old program$/,
    heard: [...STOPPED, ...RETURNED],
  },
  {
    phase: "commit",
    fault: "another client resumes the guest on the source",
    script: (host) => ({
      destination: {
        "query-pci": () => {
          host().resumeSource();
          return [];
        },
      },
    }),
    outcome: "rolled-back",
    says: /resumed the guest on the old program; the VM runs on the old/,
    heard: [...FENCED, ...FROZEN, ...FENCE, ...ENDED, ...SETTINGS],
  },
  {
    phase: "commit",
    fault: "the new program cannot have the disks",
    script: () => ({
      destination: { "cont": () => new Refusal("Failed to lock") },
    }),
    outcome: "rolled-back",
    says: /failed: Failed to lock; the VM runs on the old program/,
    heard: [...RESUMED, ...REFENCED],
  },
  {
    phase: "commit",
    fault: "the new program ends before the guest runs",
    script: () => ({ destination: { "cont": ends } }),
    outcome: "rolled-back",
    says: /new program failed: process \d+ ended; the VM runs on the old/,
    heard: [
      ...RESUMED,
      ...FROZEN,
      ...FROZEN,
      "vm: SIGCONT",
      "source: cont",
      ...SETTINGS,
    ],
  },
  {
    phase: "commit",
    fault: "the new program cannot be ended",
    script: () => ({
      destination: { "cont": () => new Refusal("Failed to lock") },
      immortal: true,
    }),
    outcome: "rolled-back",
    says: /Failed to lock; the VM runs on the old program/,
    warns: /^Process \d+, the new program, does not end on SIGKILL; it is/,
    heard: [...RESUMED, ...REFENCED],
  },
  {
    phase: "commit",
    fault: "the guest stops again",
    script: () => ({
      destination: {
        "cont": (monitor) => monitor.event("RESUME"),
        "query-status": () => ({ status: "paused", running: false }),
      },
    }),
    outcome: "needs-person",
    says: /and stopped again: "paused"/,
    heard: [...RESUMED, ...KEEPS],
    left: ["directory"],
  },
  {
    phase: "commit",
    fault: "the new program ends once the guest has run",
    script: () => ({
      destination: {
        "cont": (monitor) => {
          monitor.event("RESUME");
          monitor.end();
        },
        "query-status": () => RUNS,
      },
    }),
    outcome: "needs-person",
    says: /memory and disks are newer/,
    heard: [...RESUMED, ...SETTLED, ...FROZEN],
  },
];

const ASKS = /: (query-|qom-|human-monitor-command)/;
const REQUEST = {
  address: { path: "/run/vm.qmp" },
  self: ["cprctl"],
  mode: "cpr-transfer",
} as const;

/** Makes a host whose script may refer to it. */
function hostOf(script: Row["script"]): ScriptedHost {
  const host: ScriptedHost = new ScriptedHost({
    ...script(() => host),
    transfers: true,
  });
  return host;
}

/** At no moment may two programs run the guest. */
function assertNeverTwo(heard: readonly string[]): void {
  const at = (step: string) => heard.indexOf(step);
  const resumed = at("destination: cont");
  if (resumed >= 0) {
    assert(at("vm: fence") < resumed, "The source was not stopped");
  }
  const continued = at("new: SIGCONT");
  if (continued >= 0) {
    const ended = at("vm: SIGKILL");
    const fenced = ended < 0 ? at("vm: fence") : ended;
    assert(0 <= fenced && fenced < continued, "The source was not stopped");
  }
  const back = at("vm: SIGCONT");
  if (back >= 0 && heard.includes("new: SIGKILL")) {
    assert(at("new: SIGKILL") < back, "Both could go on");
  }
}

for (const row of ROWS) {
  Deno.test(`${row.phase}: ${row.fault}: ${row.outcome}`, async () => {
    await using host = hostOf(row.script);
    const report = await update(REQUEST, host.system);
    const said = report.error?.message ?? report.warnings.join("; ");
    assertEquals(report.outcome, row.outcome, said);
    assertMatch(said, row.says);
    if (row.warns) assertMatch(report.warnings.join("; "), row.warns);
    const told = host.heard.filter((it) => !ASKS.test(it));
    assertNeverTwo(told);
    // The source may have saved all before the new program has failed, or not.
    const isFenced = row.heard.some((it) => FENCE.includes(it));
    const heard = told.filter((it) => isFenced || !FENCE.includes(it));
    assertEquals(heard, row.heard);
    assertEquals(host.left, row.left ?? []);
    // Otherwise recover would not let the source go on.
    const hasRun = report.outcome === "updated" ||
      heard.includes("vm: SIGKILL");
    assertEquals(host.mayHaveResumed && !hasRun, false);
    assertEquals(report.phases.some(({ name }) => name === row.phase), true);
  });
}

Deno.test("a transfer that succeeds leaves nothing behind", async () => {
  await using host = hostOf(() => ({}));
  const report = await update(REQUEST, host.system);
  assertEquals(report.error, null);
  assertEquals([report.outcome, report.mode], ["updated", "cpr-transfer"]);
  assertEquals(
    report.phases.map(({ name }) => name),
    CPR_TRANSFER.map(({ name }) => name),
  );
  const heard = host.heard.filter((it) => !ASKS.test(it));
  assertEquals(heard, [...RESUMED, ...SETTLED]);
  assertEquals(host.left, []);
});

Deno.test("closed descriptors are replaced until the source resumes", async () => {
  const fill = ["source: getfd", "source: getfd"];
  const empty = ["source: closefd", "source: closefd"];
  const without = (heard: readonly string[]) =>
    heard.filter((it) => !ASKS.test(it));
  {
    await using host = hostOf(() => ({ closed: 2 }));
    const report = await update(REQUEST, host.system);
    assertEquals(report.outcome, "updated", report.error?.message);
    const heard = [...STARTED, ...fill, ...RESUMED.slice(STARTED.length)];
    assertEquals(without(host.heard), [...heard, ...SETTLED]);
  }
  await using host = hostOf(() => ({
    closed: 2,
    source: { "migrate": () => new Refusal("It is broken") },
  }));
  const report = await update(REQUEST, host.system);
  assertEquals(report.outcome, "rolled-back", report.error?.message);
  assertEquals(without(host.heard), [
    ...[...STARTED, ...fill, "source: migrate"],
    ...[...ENDED, ...empty, ...SETTINGS],
  ]);
});

Deno.test("the source resumes even when no time is left", async () => {
  await using stack = new AsyncDisposableStack();
  const host = stack.use(hostOf((host) => ({
    source: {
      // Later than a wait that has no time at all.
      "query-status": () =>
        new Promise((resolve) =>
          setTimeout(() => resolve(host().sourceState), 20)
        ),
    },
    destination: {
      "migrate-incoming": (monitor) => {
        host().hangUp();
        stack.use(timePasses());
        monitor.migration("failed");
      },
    },
  })));
  const report = await update(REQUEST, host.system);
  assertEquals(report.outcome, "rolled-back", report.error?.message);
  assertMatch(report.error?.message ?? "", /the VM runs on the old program/);
  const heard = host.heard.filter((it) => !ASKS.test(it));
  assertEquals(heard, [...STOPPED, ...RETURNED]);
  assertEquals(report.warnings, []);
});

Deno.test("connecting to a program that does not listen yet is retried", async () => {
  let asked = 0;
  await using host = hostOf(() => ({
    source: {
      "migrate": (monitor) => {
        monitor.migration("setup", "failed");
        return asked++ === 0 ? new Refusal("x: Connection refused") : {};
      },
    },
  }));
  const report = await update(REQUEST, host.system);
  assertEquals([report.outcome, report.error], ["updated", null]);
  assertEquals(asked, 2);
});

Deno.test("a source that has ended does not keep the guest from running", async () => {
  await using host = hostOf(() => ({ endsAtFence: true }));
  const report = await update(REQUEST, host.system);
  assertEquals([report.outcome, report.error], ["updated", null]);
});

Deno.test("a transfer of a VM that keeps changing fails", async () => {
  let blocks = 0;
  await using host = hostOf(() => ({
    source: { "query-block": () => [{ device: `disk${blocks++}` }] },
  }));
  const report = await update(REQUEST, host.system);
  assertEquals(report.outcome, "rolled-back");
  assertMatch(report.error?.message ?? "", /changed after the checks/);
  assertEquals(host.heard.filter((it) => it === "source: migrate").length, 3);
  assertEquals(host.heard.includes("destination: migrate-incoming"), false);
});
