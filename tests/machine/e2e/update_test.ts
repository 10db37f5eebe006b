/** cprctl demo, and cprctl update on the embedded machine. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { runCprctl } from "../../../testing/program/program.ts";
import {
  GuestRam,
  Lab,
  memfdsOf,
  runState,
} from "../../../testing/machine/mod.ts";
import { reported } from "../../../testing/update/cprctl.ts";

Deno.test("cprctl demo updates a machine and shows that it is the same", async () => {
  const { stderr, report } = await reported(["demo"]);
  assertEquals(stderr, "");
  assertEquals([report.outcome, report.changed], ["updated", true]);
  assertEquals(report.pid_after, report.pid_before);
  assertEquals(report.ram, { blocks: 2, bytes: 64 * 2 ** 20 + 4096 });
  assert((report.downtime_ms ?? 0) > 0);
  assertEquals(report.error, null);
  const [pid, inode, address, counter, ticks] = report.before_after ?? [];
  assertEquals(pid?.before, pid?.after);
  assertEquals(inode?.before, inode?.after);
  assertMatch(address?.after ?? "", /^0x[\da-f]+$/);
  assert(BigInt(counter?.after ?? 0) > BigInt(counter?.before ?? 0));
  assert(BigInt(ticks?.after ?? 0) > BigInt(ticks?.before ?? 0));
});

Deno.test("cprctl demo is something to look at", async () => {
  const { code, stdout, stderr } = await runCprctl(["demo"]);
  assertEquals([code, stderr], [0, ""]);
  assertMatch(stdout, /updated/i);
  assert(!stdout.includes("\x1b"), "colours without a terminal");
  const readme = new URL("../../../README.md", import.meta.url);
  const shown = excerpt(await Deno.readTextFile(readme));
  assert(shown.length > 5);
  const lines = new Set(withoutNumbers(stdout));
  assertEquals(shown.filter((line) => !lines.has(line)), []);
});

/** What the README shows of the demo; its verdict may be wrapped otherwise. */
function excerpt(readme: string): string[] {
  const [, text = ""] =
    /^```text\nupdated: demo [^]*?\n\n([^]*?)^```$/m.exec(readme) ??
      [];
  return withoutNumbers(text);
}

/** The lines of a text; numbers differ from run to run. */
function withoutNumbers(text: string): string[] {
  return text.split("\n").map((line) =>
    line.replaceAll(/0x[0-9a-f]+|[0-9.]+/g, "N").replaceAll(/ +/g, " ")
  );
}

Deno.test("cprctl update moves a machine, again and again", async () => {
  await using lab = await Lab.open();
  const vm = lab.start();
  await (await vm.connect()).close();
  using ram = new GuestRam(vm.pid);
  for (let update = 0; update < 2; update++) {
    await ram.ticked();
    const { code, stdout, stderr, report } = await reported(
      ["update", "--force", "--qmp", vm.qmpPath],
    );
    assertEquals([code, stderr], [0, ""], stdout);
    assertEquals([report.outcome, report.changed], ["updated", true]);
    assertEquals([report.pid_before, report.pid_after], [vm.pid, vm.pid]);
    assertEquals(report.vm.machine, "virt");
    assertEquals(report.ram, { blocks: 2, bytes: 2 ** 20 + 4096 });
    assert(report.phases.length > 5);
    await ram.ticked(2);
    assertEquals(ram.status.error, 0);
  }
  assertEquals([...memfdsOf(vm.pid).keys()], ["ram0", "virt.aux"]);
  const qmp = await vm.connect();
  assertEquals(await runState(qmp), "running");
  await qmp.execute("quit");
  assertEquals((await vm.ended()).code, 0);
  assertEquals(vm.stderr.text, "");
});

Deno.test("cprctl update leaves a paused machine paused", async () => {
  await using lab = await Lab.open();
  const vm = lab.start();
  const qmp = await vm.connect();
  using ram = new GuestRam(vm.pid);
  await ram.ticked();
  await qmp.execute("stop");
  const before = await ram.digest();
  await qmp.close();
  const { code, stdout, report } = await reported(
    ["update", "--force", "--qmp", vm.qmpPath],
  );
  assertEquals([code, report.outcome], [0, "updated"], stdout);
  assertEquals(report.downtime_ms, null);
  const after = await vm.connect();
  assertEquals(await runState(after), "paused");
  assertEquals(await ram.digest(), before);
  await after.execute("cont");
  await ram.ticked(2);
  assertEquals(ram.status.error, 0);
});

Deno.test("cprctl update refuses what cannot be preserved, and touches nothing", async () => {
  await using lab = await Lab.open();
  const vm = lab.start({
    ram: ["-object", "memory-backend-memfd,id=ram0,size=1M,share=off"],
  });
  const qmp = await vm.connect();
  await qmp.execute("migrate-set-parameters", { mode: "cpr-reboot" });
  const before = await qmp.execute("query-migrate-parameters");
  await qmp.close();
  const { code, report } = await reported(
    ["update", "--force", "--qmp", vm.qmpPath],
  );
  assertEquals([code, report.outcome, report.changed], [3, "refused", false]);
  assertMatch(report.error?.message ?? "", /"ram0".*aux-ram-share=off/s);
  assert(report.error?.remedy !== null);
  assertEquals([report.downtime_ms, report.ram], [null, null]);
  const again = await vm.connect();
  assertEquals(await runState(again), "running");
  assertEquals(await again.execute("query-migrate-parameters"), before);
  assertEquals(await again.execute("query-migrate"), {});
});
