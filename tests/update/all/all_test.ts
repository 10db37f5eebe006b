import * as v from "valibot";
import fc from "fast-check";
import { assertEquals, assertLessOrEqual, assertMatch } from "@std/assert";
import {
  type Candidate,
  draftOfListed,
  selectVms,
  workOnAll,
} from "../../../lib/update/all/all.ts";
import {
  allReportSchema,
  exitCodeOfAll,
} from "../../../lib/update/all/all_report.ts";
import {
  CANCELLED,
  ENDED_UNTOUCHED,
  NeedsPersonError,
  type Outcome,
  RefusedError,
  RolledBackError,
} from "../../../lib/update/error.ts";
import { addFailure, type Report } from "../../../lib/update/report/report.ts";
import type { PhaseObserver } from "../../../lib/update/phase.ts";
import { listed } from "./listed.ts";

const vms = (count: number) =>
  Array.from({ length: count }, (_, at) => listed({ pid: at + 1 }));

/** An update that does nothing but take its time; it counts who is about. */
class Fake {
  /** At most so many at once. */
  atOnce = 0;
  /** At most so many between stop and resume, with anybody. */
  besidesPause = 0;
  readonly begun: number[] = [];
  readonly touched: number[] = [];
  #working = 0;
  #paused = 0;

  constructor(readonly ends: (pid: number) => Outcome = () => "updated") {}

  readonly work = async (
    vm: Candidate,
    observer: PhaseObserver,
  ): Promise<Report> => {
    this.begun.push(vm.pid);
    const report = draftOfListed(vm);
    this.atOnce = Math.max(this.atOnce, ++this.#working);
    let looking = true;
    try {
      for (const phase of ["facts", "preflight", "prepare"] as const) {
        await observer(phase);
        await this.#takeTime();
      }
      this.#working--;
      looking = false;
      await observer("migrate");
      this.touched.push(vm.pid);
      this.#paused++;
      for (const phase of ["hold", "switchover", "load", "commit"] as const) {
        await observer(phase);
        await this.#takeTime();
      }
      this.#paused--;
      report.outcome = this.ends(vm.pid);
      report.downtime_ms = vm.pid;
    } catch (error) {
      addFailure(report, error);
    } finally {
      if (looking) this.#working--;
    }
    return report;
  };

  async #takeTime(): Promise<void> {
    for (let tick = 0; tick < 5; tick++) {
      const beside = this.#paused === 0 ? 0 : this.#paused - 1 + this.#working;
      this.besidesPause = Math.max(this.besidesPause, beside);
      await Promise.resolve();
    }
  }
}

Deno.test("jobs run in parallel, and one guest at a time is stopped", async () => {
  for (const jobs of [1, 3, 50]) {
    const fake = new Fake();
    const report = await workOnAll({
      vms: vms(20),
      jobs,
      maxFailures: 1,
      work: fake.work,
    });
    assertEquals(fake.atOnce, Math.min(jobs, 20));
    assertEquals(fake.besidesPause, 0);
    assertEquals(
      report.results.map((it) => it.pid_before),
      [
        ...Array(20).keys(),
      ].map((it) => it + 1),
    );
    assertEquals(report.summary.outcomes, { updated: 20 });
    assertEquals(report.starts_ms.length, 20);
    assertEquals(jobs > 1 || isAscending(report.starts_ms), true);
    assertEquals(report.summary.longest_downtime_ms, 20);
    assertEquals(exitCodeOfAll(report), 0);
    v.parse(allReportSchema, JSON.parse(JSON.stringify(report)));
  }
});

Deno.test("what is in the way of one mode is not in the way of another", async () => {
  const [vm, other] = vms(2);
  if (vm === undefined || other === undefined) throw new Error("No VM");
  const text = "its RAM is not shared";
  const listed = [
    { ...vm, obstacle: text, obstacle_code: "memory-backends" },
    { ...other, obstacle: "its sandbox", obstacle_code: "sandbox" },
  ];
  const worked = { "cpr-exec": 0, "cpr-transfer": 1, "auto": 1, "live": 2 };
  for (const [mode, count] of Object.entries(worked)) {
    const { results, left_out } = await workOnAll({
      ...{ vms: listed, jobs: 1, maxFailures: 1 },
      mode: mode as keyof typeof worked,
      work: new Fake().work,
    });
    assertEquals([results.length, left_out.length], [count, 2 - count]);
  }
});

Deno.test("after too many failures no other VM is touched", async () => {
  for (const outcome of ["rolled-back", "needs-person"] as const) {
    for (const [maxFailures, failing] of [[1, [2]], [2, [2, 4]]] as const) {
      const fake = new Fake((pid) => pid % 2 === 0 ? outcome : "updated");
      const report = await workOnAll({
        vms: vms(20),
        jobs: 4,
        maxFailures,
        work: fake.work,
      });
      const failed = report.results.filter((it) => it.outcome === outcome);
      assertEquals(failed.map((it) => it.pid_before), [...failing]);
      assertEquals(fake.touched.at(-1), failing.at(-1));
      assertLessOrEqual(fake.begun.length, 4 + fake.touched.length);
      const late = report.results.filter((it) => it.outcome === "refused");
      for (const { error } of late) {
        assertMatch(error?.message ?? "", /not touched: .* failed before it/);
      }
      assertEquals(report.results.length + report.left_out.length, 20);
      assertEquals(exitCodeOfAll(report), outcome === "rolled-back" ? 4 : 5);
    }
  }
});

Deno.test("a refused VM does not stop the others", async () => {
  const fake = new Fake((pid) => pid === 1 ? "refused" : "updated");
  const report = await workOnAll({
    vms: vms(3),
    jobs: 1,
    maxFailures: 1,
    work: fake.work,
  });
  assertEquals(report.summary.outcomes, { refused: 1, updated: 2 });
  assertEquals(exitCodeOfAll(report), 3);
});

Deno.test("a VM that was shut down or cancelled does not stop the others", async () => {
  const fake = new Fake((pid) => pid === 1 ? "shut-down" : "updated");
  const report = await workOnAll({
    vms: vms(4),
    jobs: 1,
    maxFailures: 1,
    async work(vm, observer) {
      const done = await fake.work(vm, observer);
      if (vm.pid !== 2) return done;
      const draft = draftOfListed(vm);
      addFailure(draft, new RolledBackError(CANCELLED, "It was changed"));
      return draft;
    },
  });
  assertEquals(report.summary.outcomes, {
    "shut-down": 1,
    "rolled-back": 1,
    "updated": 2,
  });
  assertEquals(exitCodeOfAll(report), 4);
});

Deno.test("a VM that ends before it is touched does not stop the others", async () => {
  const fake = new Fake();
  const report = await workOnAll({
    vms: vms(3),
    jobs: 1,
    maxFailures: 1,
    work(vm, observer) {
      if (vm.pid !== 1) return fake.work(vm, observer);
      const draft = draftOfListed(vm);
      addFailure(draft, new NeedsPersonError(ENDED_UNTOUCHED, "It ended"));
      return Promise.resolve(draft);
    },
  });
  assertEquals(report.summary.outcomes, { "needs-person": 1, "updated": 2 });
  assertEquals(exitCodeOfAll(report), 5);
});

Deno.test("an update that starts over lets the others continue", async () => {
  const order: string[] = [];
  await workOnAll({
    vms: vms(2),
    jobs: 2,
    maxFailures: 1,
    async work(vm, observer) {
      const starts = vm.pid === 1 ? 2 : 1;
      for (let start = 0; start < starts; start++) {
        for (const phase of ["facts", "migrate", "hold"] as const) {
          await observer(phase);
          order.push(`${vm.pid} ${phase}`);
        }
      }
      const report = draftOfListed(vm);
      report.outcome = "updated";
      return report;
    },
  });
  assertEquals(order.filter((it) => it.endsWith("migrate")), [
    "1 migrate",
    "2 migrate",
    "1 migrate",
  ]);
});

Deno.test("an unreachable VM is refused, one with an obstacle is left out", async () => {
  const report = await workOnAll({
    vms: [
      listed({ pid: 1, obstacle: "it has no QMP socket", qmp: null }),
      listed({ pid: 2 }),
      listed({
        pid: 3,
        obstacle: "another client is connected to its monitor",
      }),
    ],
    jobs: 2,
    maxFailures: 1,
    work: () => Promise.reject(new RefusedError("absent", "no such socket")),
  });
  assertEquals(report.left_out.map(({ pid, why }) => [pid, why]), [
    [1, "it has no QMP socket"],
    [3, "another client is connected to its monitor"],
  ]);
  const [only] = report.results;
  assertEquals(only?.outcome, "refused");
  assertEquals(only?.error?.code, "absent");
  assertEquals(only?.vm.name, "vm-2");
  assertEquals(exitCodeOfAll(report), 3);
  v.parse(allReportSchema, JSON.parse(JSON.stringify(report)));
});

Deno.test("a signal ends the run after the current VMs", async () => {
  const fake = new Fake();
  const report = await workOnAll({
    vms: vms(10),
    jobs: 2,
    maxFailures: 1,
    work: async (vm, observer) => {
      if (vm.pid === 3) {
        const came = Promise.withResolvers<void>();
        const late = () => came.reject(new Error("No signal came"));
        const deadline = setTimeout(late, 10_000);
        const listener = () => came.resolve();
        Deno.addSignalListener("SIGTERM", listener);
        Deno.kill(Deno.pid, "SIGTERM");
        await came.promise;
        clearTimeout(deadline);
        Deno.removeSignalListener("SIGTERM", listener);
      }
      return await fake.work(vm, observer);
    },
  });
  assertEquals(report.summary.interrupted, true);
  assertEquals(fake.touched, [1, 2]);
  assertEquals(report.left_out.at(-1)?.why, "interrupted by SIGTERM");
  assertEquals(exitCodeOfAll(report), 3);
});

const names = (pattern: string, all: readonly (string | null)[]) =>
  selectVms(all.map((name, at) => listed({ pid: at + 1, name })), pattern)
    .map(({ name }) => name);

Deno.test("VMs are selected by shell patterns", () => {
  const all = ["web-1", "web-12", "db", "a.b", null];
  assertEquals(names("*", all), all);
  assertEquals(names("web-*", all), ["web-1", "web-12"]);
  assertEquals(names("web-?", all), ["web-1"]);
  assertEquals(names("a.b", all), ["a.b"]);
  assertEquals(names("a?b", all), ["a.b"]);
  assertEquals(names(".*", all), []);
  assertEquals(names("DB", all), []);
});

Deno.test("a name without special characters selects its VM", () => {
  fc.assert(fc.property(fc.string({ unit: "grapheme" }), (name) => {
    fc.pre(!/[*?]/.test(name));
    assertEquals(names(name, [name, `${name}x`]), [name]);
  }));
});

Deno.test("a VM that is left out is no success, unless it is not due", async () => {
  const obstacle = "it has no QMP socket";
  for (
    const [binary_state, codes] of [["replaced", [3, 3]], ["same", [
      0,
      3,
    ]]] as const
  ) {
    const fake = new Fake(() => "up-to-date");
    const report = await workOnAll({
      vms: [...vms(1), listed({ pid: 9, obstacle, binary_state })],
      jobs: 1,
      maxFailures: 1,
      work: fake.work,
    });
    assertEquals(report.left_out.map(({ code }) => code), ["sandbox"]);
    assertEquals(
      [exitCodeOfAll(report), exitCodeOfAll(report, "check")],
      [...codes],
    );
  }
  const unknown = await workOnAll({
    vms: [],
    skipped: [{ pid: 9, why: "its command line is endless" }],
    jobs: 1,
    maxFailures: 1,
    work: new Fake(() => "updated").work,
  });
  assertEquals(exitCodeOfAll(unknown), 3);
});

function isAscending(numbers: readonly number[]): boolean {
  return numbers.every((it, at) => it >= (numbers[at - 1] ?? 0));
}
