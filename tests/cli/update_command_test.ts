import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { buildApplication, run } from "@stricli/core";
import { checkCommand } from "../../lib/cli/commands/check.ts";
import { demoCommand } from "../../lib/cli/commands/demo.ts";
import { updateCommand } from "../../lib/cli/commands/update.ts";
import type { SurveyRequest } from "../../lib/update/survey.ts";
import type { UpdateRequest } from "../../lib/update/update.ts";
import { selfCommand } from "../../lib/cli/self.ts";
import { applicationText } from "../../lib/cli/text.ts";
import { UsageError } from "../../lib/errors.ts";
import { capturedProcess } from "./captured.ts";
import * as reports from "./reports.ts";

async function update(...words: string[]) {
  const requests: Omit<UpdateRequest, "observer">[] = [];
  const checks: Omit<SurveyRequest, "observer">[] = [];
  const command = updateCommand(() =>
    Promise.resolve({
      update: ({ observer: _observer, ...request }) => {
        requests.push(request);
        return Promise.resolve(reports.refused);
      },
      check: ({ observer: _observer, ...request }) => {
        checks.push(request);
        return Promise.resolve(reports.wouldUpdate);
      },
    })
  );
  const process = capturedProcess();
  const text = applicationText(false);
  await run(
    buildApplication(command, {
      name: "cprctl update",
      localization: { text },
    }),
    words,
    { process },
  );
  const { exitCode, written } = process;
  return { requests, checks, exitCode, ...written };
}

Deno.test("the flags become a request", async () => {
  assertEquals((await update("--qmp", "/run/a.qmp")).requests, [
    {
      address: { path: "/run/a.qmp" },
      binary: undefined,
      skipIfCurrent: true,
      timeoutMs: 60_000,
      self: selfCommand(),
    },
  ]);
  const full = await update(
    ...["--qmp", "localhost:4444", "--binary", "/opt/q", "--timeout", "1.5"],
    ...["--json", "--force"],
  );
  assertEquals(full.requests, [
    {
      address: { host: "localhost", port: 4444 },
      binary: "/opt/q",
      skipIfCurrent: false,
      timeoutMs: 1500,
      self: selfCommand(),
    },
  ]);
  assertEquals(JSON.parse(full.stdout), reports.refused);
  assertEquals(full.exitCode, 3);
});

Deno.test("update --check is check", async () => {
  const words = ["--qmp", "/run/a.qmp", "--binary", "/opt/q", "--force"];
  const { requests, checks, stdout, exitCode } = await update(
    ...words,
    "--check",
  );
  assertEquals(requests, []);
  assertEquals(checks, [{
    address: { path: "/run/a.qmp" },
    binary: "/opt/q",
    skipIfCurrent: false,
  }]);
  assertEquals(exitCode, 0);

  const process = capturedProcess();
  const asked: SurveyRequest[] = [];
  const command = checkCommand(() =>
    Promise.resolve(({ observer: _observer, ...request }) => {
      asked.push(request);
      return Promise.resolve(reports.wouldUpdate);
    })
  );
  const application = buildApplication(command, { name: "cprctl check" });
  await run(application, words, { process });
  assertEquals(asked, checks);
  assertEquals([process.written.stdout, process.exitCode], [stdout, exitCode]);
});

Deno.test("nothing is asked of the engine by wrong words", async (t) => {
  const wrong = [
    [],
    ["--qmp"],
    ["--qmp", ""],
    ["--qmp", "a", "--timeout", "0"],
    ["--qmp", "a", "--timeout", "soon"],
    ["--qmp", "a", "--qmp", "b"],
    ["--qmp", "--binary"],
    ["--qmp", "a", "--report", "-"],
    ["--qmp", "a", "--report", "/tmp/"],
    ["/run/a.qmp"],
  ];
  for (const words of wrong) {
    const { requests, stdout, stderr } = await update(...words);
    assertEquals([requests, stdout], [[], ""], words.join(" "));
    await t.assertSnapshot(stderr);
  }
});

Deno.test("the help of update and demo", async (t) => {
  await t.assertSnapshot((await update("--help")).stdout);
  const process = capturedProcess();
  const command = demoCommand(() => Promise.reject(new UsageError("Unused")));
  const text = applicationText(false);
  await run(
    buildApplication(command, { name: "cprctl demo", localization: { text } }),
    ["--help"],
    { process },
  );
  await t.assertSnapshot(process.written.stdout);
});

Deno.test("with --report the same is in a file, as a page", async () => {
  const path = await Deno.makeTempFile();
  try {
    const words = ["--qmp", "/run/a.qmp", "--report", path];
    const { stdout, exitCode } = await update(...words);
    assertEquals(stdout, (await update(...words.slice(0, 2))).stdout);
    assertEquals(exitCode, 3);
    const page = await Deno.readTextFile(path);
    assertStringIncludes(page, "guest0: refused</title>");
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("the demo says what it does, and how to go on", async () => {
  const process = capturedProcess();
  const command = demoCommand(() =>
    Promise.resolve(() => Promise.resolve(reports.demonstrated))
  );
  const application = buildApplication(command, { name: "cprctl demo" });
  await run(application, [], { process });
  assertMatch(process.written.stdout, /^A virtual machine runs/);
  assertStringIncludes(process.written.stdout, "updated: demo runs on");
  assertStringIncludes(process.written.stdout, "cprctl machine --help");
  assertEquals(process.exitCode, 0);
});
