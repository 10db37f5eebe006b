import * as v from "valibot";
import * as reports from "./reports.ts";
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { OfOneVm } from "../../lib/cli/engine.ts";
import { selfCommand } from "../../lib/cli/self.ts";
import {
  type HostRequest,
  selectVms,
  workOnAll,
} from "../../lib/update/all/all.ts";
import { allReportSchema } from "../../lib/update/all/all_report.ts";
import { LIST_SCHEMA } from "../../lib/update/host/list.ts";
import type { CheckRequest, UpdateRequest } from "../../lib/update/update.ts";
import { listed } from "../update/all/listed.ts";
import { runHere } from "./run_here.ts";

/** What a command asks of its engine, and says. */
async function asked(...words: string[]) {
  const requests: OfOneVm<UpdateRequest>[] = [];
  const checks: OfOneVm<CheckRequest>[] = [];
  const rounds: HostRequest[] = [];
  const ended = await runHere(words, {
    update: ({ observer: _observer, onCheck: _onCheck, ...request }) => {
      requests.push(request);
      return Promise.resolve(reports.refused);
    },
    check: ({ observer: _observer, onCheck: _onCheck, ...request }) => {
      checks.push(request);
      return Promise.resolve(reports.wouldUpdate);
    },
    workOnHost: async (request) => {
      rounds.push(request);
      const vms = selectVms(HOST, request.pattern);
      return await workOnAll({ ...request, vms });
    },
    listVms: () =>
      Promise.resolve({
        schema: LIST_SCHEMA,
        vms: HOST,
        unreadable: 0,
        skipped: [],
      }),
  });
  return { requests, checks, rounds, ...ended };
}

const update = (...words: string[]) => asked("update", ...words);

/** The VMs of a host. */
const HOST = [
  listed({ pid: 7, name: "web-1" }),
  listed({ pid: 8, obstacle: "it has no QMP socket", qmp: null }),
  listed({ pid: 9, name: "web-2" }),
];

Deno.test("with --all each VM is asked for, with the same options", async (t) => {
  const words = ["--all", "--binary", "/opt/q", "--timeout", "2"];
  const { requests, rounds, stdout, code } = await update(...words);
  const same = {
    binary: "/opt/q",
    mode: "cpr-exec" as const,
    skipIfCurrent: true,
    allowWeakerConfinement: false,
    timeoutMs: 2000,
    maxDowntimeMs: undefined,
    waitJobs: false,
    self: selfCommand(),
  };
  assertEquals(requests, [
    { address: { path: "/run/7.qmp" }, pid: 7, ...same },
    { address: { path: "/run/9.qmp" }, pid: 9, ...same },
  ]);
  assertEquals(
    rounds.map((it) => [it.pattern, it.jobs, it.maxFailures]),
    [["*", 2, 1]],
  );
  assertEquals(code, 3);
  await t.assertSnapshot(stdout.replace(/[\d.]+ m?s$/m, "TIME"));

  const other = await update(
    ...["--all", "web-*", "--jobs", "9", "--max-failures", "3"],
  );
  assertEquals(
    other.rounds.map((it) => [it.pattern, it.jobs, it.maxFailures]),
    [["web-*", 9, 3]],
  );
});

Deno.test("a name that no VM has is an error", async () => {
  const none = await asked("update", "--all", "wbe-*");
  assertEquals(none.code, 1);
  assertStringIncludes(none.stderr, 'error: No VM matches "wbe-*"');
  assertStringIncludes(none.stdout, "No matching VM; ");
});

Deno.test("a host on which no VM can be seen is an error", async () => {
  const { code, stderr, stdout } = await runHere(["update", "--all"], {
    workOnHost: (request) => workOnAll({ ...request, vms: [], unreadable: 2 }),
  });
  assertEquals(code, 1);
  assertStringIncludes(stderr, "error: Every VM here belongs to another user");
  assertStringIncludes(stdout, "2 of other users not visible");
});

Deno.test("with --all and --json there is one document", async () => {
  const { stdout, stderr } = await update("--all", "--json");
  const document = v.parse(allReportSchema, JSON.parse(stdout));
  assertEquals(document.results.length, 2);
  assertEquals(document.left_out.map(({ pid }) => pid), [8]);
  assertEquals(stderr, "");
});

Deno.test("with --all and --report there is one page for all", async () => {
  const path = await Deno.makeTempFile();
  try {
    await update("--all", "--report", path);
    const page = await Deno.readTextFile(path);
    assertStringIncludes(page, "<title>VMs: 2 refused, 1 left out</title>");
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("with --metrics what came of the VMs is counted, run after run", async () => {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-test-" });
  try {
    const path = `${folder}/cprctl.prom`;
    const lines = async () =>
      (await Deno.readTextFile(path)).split("\n").filter((line) =>
        /^cprctl_(updates|vm_last_update_outcome)/.test(line)
      );
    await update("--all", "--metrics", path);
    const { code, stderr } = await update("--all", "--metrics", path);
    assertEquals([code, stderr], [3, ""]);
    assertEquals(await lines(), [
      'cprctl_updates_total{outcome="updated"} 0',
      'cprctl_updates_total{outcome="refused"} 4',
      'cprctl_updates_total{outcome="rolled-back"} 0',
      'cprctl_updates_total{outcome="needs-person"} 0',
    ]);
    await update("--qmp", "/run/a.qmp", "--metrics", path);
    assertStringIncludes((await lines()).join(), 'refused"} 5');
    assertEquals([...Deno.readDirSync(folder)].length, 1);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("metrics that cannot be written are a warning", async () => {
  const path = "/no/such/cprctl.prom";
  const { code, stderr } = await update("--all", "--metrics", path);
  assertEquals(code, 3);
  assertStringIncludes(stderr, `warning: Cannot write "${path}": `);
});

Deno.test("a name that node_exporter passes over is refused", async () => {
  for (const path of ["metrics", "a.prom.txt", "/var/lib/.prom"]) {
    const { stderr, requests } = await update(
      ...["--qmp", "/run/a.qmp", "--metrics", path],
    );
    assertStringIncludes(stderr, "ends in .prom");
    assertEquals(requests, []);
  }
});

Deno.test("the options become a request", async () => {
  assertEquals((await update("--qmp", "/run/a.qmp")).requests, [
    {
      address: { path: "/run/a.qmp" },
      binary: undefined,
      mode: "cpr-exec",
      skipIfCurrent: true,
      allowWeakerConfinement: false,
      timeoutMs: 60_000,
      maxDowntimeMs: undefined,
      waitJobs: false,
      self: selfCommand(),
    },
  ]);
  const full = await update(
    ...["--qmp", "localhost:4444", "--binary", "/opt/q", "--timeout", "1.5"],
    ...["--json", "--force", "--allow-weaker-confinement"],
    ...["--max-downtime", "200", "--wait-jobs"],
  );
  assertEquals(full.requests, [
    {
      address: { host: "localhost", port: 4444 },
      binary: "/opt/q",
      mode: "cpr-exec",
      skipIfCurrent: false,
      allowWeakerConfinement: true,
      timeoutMs: 1500,
      maxDowntimeMs: 200,
      waitJobs: true,
      self: selfCommand(),
    },
  ]);
  assertEquals(JSON.parse(full.stdout), reports.refused);
  assertEquals(full.code, 3);
});

Deno.test("a domain is named in place of a monitor", async () => {
  const updated = await asked("update", "--domain", "web");
  const checked = await asked("check", "--domain", "web");
  for (const request of [...updated.requests, ...checked.checks]) {
    assertEquals(
      ["domain" in request && request.domain, "address" in request],
      [
        "web",
        false,
      ],
    );
  }
  assertEquals([updated.requests.length, checked.checks.length], [1, 1]);
});

Deno.test("check takes the options of update, and updates nothing", async () => {
  const { requests, checks, code } = await asked(
    ...["check", "--qmp", "/run/a.qmp", "--binary", "/opt/q", "--force"],
    ...["--timeout", "7"],
  );
  assertEquals(requests, []);
  assertEquals(checks, [{
    address: { path: "/run/a.qmp" },
    binary: "/opt/q",
    mode: "cpr-exec",
    skipIfCurrent: false,
    always: true,
    allowWeakerConfinement: false,
    timeoutMs: 7_000,
    maxDowntimeMs: undefined,
    waitJobs: false,
    self: selfCommand(),
  }]);
  assertEquals(code, 0);
  for (const [words, jobs] of [[[], 4], [["--jobs", "9"], 9]] as const) {
    const { rounds, requests, checks } = await asked(
      "check",
      "--all",
      ...words,
    );
    assertEquals(
      rounds.map((it) => [it.pattern, it.jobs, it.maxFailures]),
      [["*", jobs, Infinity]],
    );
    assertEquals([requests.length, checks.length], [0, 2]);
  }
});

Deno.test("check has no metrics and no limit of failures: nothing is updated", async () => {
  for (const words of [["--metrics", "a.prom"], ["--max-failures", "2"]]) {
    const { checks, code, stderr } = await asked("check", "--all", ...words);
    assertEquals([checks, code], [[], 2]);
    assertStringIncludes(stderr, `Unknown option "${words[0]}"`);
  }
});

Deno.test("nothing is asked of the engine by wrong words", async (t) => {
  const wrong = [
    [],
    ["--qmp"],
    ["--qmp", ""],
    ["--qmp="],
    ["--qmp", "tcp:"],
    ["--all", ""],
    ["--qmp", "a", "--timeout", "0"],
    ["--qmp", "a", "--timeout", "soon"],
    ["--qmp", "a", "--max-downtime", "0"],
    ["--qmp", "a", "--qmp", "b"],
    ["--qmp", "--binary"],
    ["--qmp", "a", "--report", "-"],
    ["--qmp", "a", "--report", "/tmp/"],
    ["--qmp", "a", "--report", "/tmp"],
    ["--qmp", "a", "--report", "/absent/report.html"],
    ["--qmp", "a", "--all"],
    ["--all", "--jobs", "0"],
    ["--all", "--max-failures", "many"],
    ["--qmp", "a", "--jobs", "4"],
    ["-x"],
    ["/run/a.qmp"],
  ];
  for (const words of wrong) {
    const { requests, code, stdout, stderr } = await update(...words);
    assertEquals([requests, code, stdout], [[], 2, ""], words.join(" "));
    await t.assertSnapshot(stderr);
  }
});

Deno.test("with --report the same is in a file, as a page", async () => {
  const path = await Deno.makeTempFile();
  try {
    const words = ["--qmp", "/run/a.qmp", "--report", path];
    const { stdout, code } = await update(...words);
    assertEquals(stdout, (await update(...words.slice(0, 2))).stdout);
    assertEquals(code, 3);
    const page = await Deno.readTextFile(path);
    assertStringIncludes(page, "guest0: refused</title>");
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("the demo says what it does, and how to go on", async () => {
  const { code, stdout } = await runHere(["demo"], {
    demonstrate: () => Promise.resolve(reports.demonstrated),
  });
  assertMatch(stdout, /^A virtual machine is running/);
  assertStringIncludes(stdout, "updated: demo runs on");
  assertStringIncludes(stdout, "cprctl machine --help");
  assertEquals(code, 0);
});
