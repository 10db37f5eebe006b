import { errorDocument } from "../../../lib/cli/wording/errors.ts";
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  ReportFileError,
  writeReportFile,
} from "../../../lib/cli/files/report.ts";
import { presentUpdate } from "../../../lib/cli/present/report.ts";
import { UsageError } from "../../../lib/errors.ts";
import { capturedProcess } from "../../../testing/program/captured.ts";
import { embeddedJson } from "../html/outline.ts";
import * as reports from "../reports.ts";

Deno.test("the page replaces the file that was, and keeps its permissions", async () => {
  await using room = await temporaryRoom();
  const path = `${room.path}/report.html`;
  await Deno.writeTextFile(path, "old");
  for (const mode of [0o600, 0o640, 0o644]) {
    await Deno.chmod(path, mode);
    await writeReportFile(path, reports.updated);
    assertEquals(embeddedJson(await Deno.readTextFile(path)), reports.updated);
    assertEquals(permissions(path), mode);
  }
  assertEquals(room.names(), ["report.html"]);
});

Deno.test("a new page is for whom the umask leaves it", async () => {
  await using room = await temporaryRoom();
  for (const [umask, mode] of [[0o022, 0o644], [0o077, 0o600]] as const) {
    const path = `${room.path}/${umask}.html`;
    const before = Deno.umask(umask);
    try {
      await writeReportFile(path, reports.updated);
    } finally {
      Deno.umask(before);
    }
    assertEquals(permissions(path), mode);
  }
});

Deno.test({
  name: "permissions that another user gave are not kept",
  ignore: Deno.uid() !== 0,
  async fn() {
    await using room = await temporaryRoom();
    const path = `${room.path}/report.html`;
    await Deno.writeTextFile(path, "planted");
    await Deno.chown(path, 65534, 65534);
    await Deno.chmod(path, 0o666);
    await writeReportFile(path, reports.updated);
    assertEquals([permissions(path) & 0o022, Deno.statSync(path).uid], [0, 0]);
  },
});

Deno.test("nothing is written through a link", async () => {
  await using room = await temporaryRoom();
  const path = `${room.path}/latest.html`;
  for (const target of ["real.html", "none.html"]) {
    await Deno.writeTextFile(`${room.path}/real.html`, "old");
    await Deno.symlink(target, path);
    await assertRejects(
      () => writeReportFile(path, reports.refused),
      ReportFileError,
      `Cannot write "${path}": It is a symbolic link`,
    );
    assertEquals(await Deno.readLink(path), target);
    await Deno.remove(path);
  }
  assertEquals(room.names(), ["real.html"]);
  assertEquals(await Deno.readTextFile(`${room.path}/real.html`), "old");
});

function permissions(path: string): number {
  return (Deno.statSync(path).mode ?? 0) & 0o777;
}

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
  const error = new UsageError("Cannot run");
  await assertRejects(
    () =>
      presentUpdate(
        process,
        { json: true, report },
        () => Promise.reject(error),
      ),
    UsageError,
  );
  const page = await Deno.readTextFile(report);
  assertEquals(embeddedJson(page), errorDocument(error));
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
