import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  ReportFileError,
  writeReportFile,
} from "../../../lib/cli/files/report.ts";
import { presentUpdate } from "../../../lib/cli/present/report.ts";
import { UsageError } from "../../../lib/errors.ts";
import { capturedProcess } from "../captured.ts";
import { embeddedJson } from "../html/outline.ts";
import * as reports from "../reports.ts";

Deno.test("the page replaces the file that was, and all may read it", async () => {
  await using room = await temporaryRoom();
  const path = `${room.path}/report.html`;
  await Deno.writeTextFile(path, "old", { mode: 0o600 });
  await writeReportFile(path, reports.updated);
  assertEquals(embeddedJson(await Deno.readTextFile(path)), reports.updated);
  const { mode } = await Deno.stat(path);
  assertEquals((mode ?? 0) & 0o777, 0o644);
  assertEquals(room.names(), ["report.html"]);
});

Deno.test("a link is followed, and stays one", async () => {
  await using room = await temporaryRoom();
  const path = `${room.path}/latest.html`;
  await Deno.writeTextFile(`${room.path}/real.html`, "old");
  await Deno.symlink("real.html", path);
  await writeReportFile(path, reports.refused);
  assertEquals(await Deno.readLink(path), "real.html");
  assertEquals(
    embeddedJson(await Deno.readTextFile(`${room.path}/real.html`)),
    reports.refused,
  );
});

Deno.test("what is not a file is not replaced", async () => {
  await using room = await temporaryRoom();
  for (const path of ["/dev/null", room.path, `${room.path}/no/such.html`]) {
    await assertRejects(
      () => writeReportFile(path, reports.updated),
      ReportFileError,
      `Cannot write "${path}": `,
    );
  }
  assertEquals((await Deno.lstat("/dev/null")).isCharDevice, true);
  assertEquals(room.names(), []);
});

Deno.test("a page that cannot be written changes nothing but standard error", async () => {
  await using room = await temporaryRoom();
  const report = `${room.path}/no/such.html`;
  for (const json of [false, true]) {
    const [without, with_] = [capturedProcess(), capturedProcess()];
    const update = () => Promise.resolve(reports.rolledBack);
    await presentUpdate(without, { json }, update);
    await presentUpdate(with_, { json, report }, update);
    assertEquals(with_.exitCode, without.exitCode);
    assertEquals(with_.written.stdout, without.written.stdout);
    assertStringIncludes(
      with_.written.stderr,
      `warning: Cannot write "${report}": `,
    );
  }
});

Deno.test("an update that never began leaves a page that says so", async () => {
  await using room = await temporaryRoom();
  const report = `${room.path}/report.html`;
  const process = capturedProcess();
  await assertRejects(
    () =>
      presentUpdate(
        process,
        { json: true, report },
        () => Promise.reject(new UsageError("Cannot run")),
      ),
    UsageError,
  );
  const page = await Deno.readTextFile(report);
  assertEquals(embeddedJson(page), JSON.parse(process.written.stdout));
  assertStringIncludes(page, "Not started");
});

async function temporaryRoom() {
  const path = await Deno.makeTempDir();
  return {
    path,
    names: () => [...Deno.readDirSync(path)].map(({ name }) => name),
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
}
