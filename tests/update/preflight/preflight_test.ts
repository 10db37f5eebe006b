import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import type { Json } from "../../../lib/qmp/mod.ts";
import { Deadline } from "../../../lib/update/deadline.ts";
import { versionTold } from "../../../lib/update/preflight/new_program.ts";
import { type Answers, findings } from "./fake_monitor.ts";

/** Every question that the preflight has. */
const QUESTIONS = [
  "human-monitor-command",
  "migrate-set-parameters",
  "qom-get",
  "qom-list",
  "query-block",
  "query-block-exports",
  "query-chardev",
  "query-cpus-fast",
  "query-fdsets",
  "query-iothreads",
  "query-jobs",
  "query-kvm",
  "query-memdev",
  "query-memory-devices",
  "query-migrate",
  "query-migrate-capabilities",
  "query-migrate-parameters",
  "query-named-block-nodes",
  "query-vnc-servers",
];

const OPTIONS = [
  ...["-drive", "if=none,id=disk,format=raw,file=/disk.img"],
  ...["-blockdev", "driver=raw,node-name=n,file.driver=file,file.filename=/n"],
  ...["-device", "virtio-blk-pci,drive=disk,id=vd"],
  ...["-object", "iothread,id=io1", "-vnc", ":1", "-netdev", "user,id=net"],
  ...["-chardev", "socket,id=c,path=/c,server=on"],
];

Deno.test("a query that a monitor does not support is skipped, with the reason", async () => {
  const checks = await findings({}, OPTIONS);
  for (
    const id of ["disk-images", "block-nodes", "devices", "netdevs", "cpus"]
  ) {
    const check = checks.get(id);
    assertEquals(check?.verdict, "skipped", id);
    assert(check?.detail.includes("has not been found"), check?.detail);
  }
});

Deno.test("a check without time says so, and refuses nothing", async () => {
  const checks = await findings({}, OPTIONS, { deadline: new Deadline(0) });
  for (const { verdict, detail } of checks.values()) {
    assertEquals([verdict, detail], [
      "skipped",
      "there was no time left for it",
    ]);
  }
  assert(checks.size > 50);
});

Deno.test("a human monitor without networks is no error", async () => {
  const checks = await findings({
    "human-monitor-command": "unknown command: 'info network'\r\n",
  });
  assertEquals(checks.get("netdevs")?.verdict, "skipped");
});

/** Answers that no QEMU gives, with names that mean something. */
const junk: fc.Arbitrary<Json> = fc.letrec<{ value: Json }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom<Json>(null, true, -1, 1e300, "", "json:{", "json:[]"),
    fc.string(),
    fc.integer(),
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(
      fc.constantFrom(
        ...["device", "qdev", "inserted", "file", "node-name", "children"],
        ...["name", "type", "label", "filename", "id", "data", "server"],
        ...["drv", "share", "status", "capability", "state", "qom-type"],
        ...["dirty-bitmaps", "service", "hotplugged", "poll-max-ns"],
      ),
      tie("value"),
      { maxKeys: 6 },
    ),
  ),
})).value;

Deno.test("no reply makes a check fail", async () => {
  const answers = fc.record(
    Object.fromEntries(QUESTIONS.map((name) => [name, junk])),
  );
  await fc.assert(
    fc.asyncProperty(answers, async (answers: Answers) => {
      const checks = await findings(answers, OPTIONS);
      for (const { detail } of checks.values()) {
        assert(detail.length < 20_000, "A detail is endless");
      }
    }),
    { numRuns: 30 },
  );
});

Deno.test("a long list from a hostile monitor is cut", async () => {
  const listing = (
    count: number,
    names = QUESTIONS.filter((name) => !name.startsWith("qom")),
  ) => {
    const list = Array.from({ length: count }, (_, at) => ({
      "node-name": `node${at}${"x".repeat(50)}`,
      label: `chardev${at}${"x".repeat(50)}`,
      id: `job${at}${"x".repeat(50)}`,
      status: "ready",
    }));
    return Object.fromEntries(names.map((name) => [name, list]));
  };
  const checks = await findings(listing(2000), OPTIONS);
  for (const { id, detail } of checks.values()) {
    assert(detail.length < 5000, `${id} says ${detail.length} characters`);
  }
  assertEquals(checks.get("chardevs")?.verdict, "refuse");
  const more = await findings(
    listing(5000, ["query-chardev"]),
    OPTIONS,
  );
  assertEquals(more.get("chardevs")?.verdict, "refuse");
  assertStringIncludes(more.get("chardevs")?.detail ?? "", "5000 items");
});

Deno.test("the version of the new program is the one that it prints", () => {
  const told = (verdict: "ok" | "refuse", detail: string) =>
    versionTold([{ id: "new-program", verdict, detail, remedy: null }]);
  const line = "QEMU emulator version 11.1.3 (Debian 1:11.1.3+ds-1)";
  const nothing = { version: null, package: null };
  assertEquals(told("ok", line), {
    version: "11.1.3",
    package: "Debian 1:11.1.3+ds-1",
  });
  assertEquals(told("ok", "QEMU emulator version 11.1.3"), {
    version: "11.1.3",
    package: null,
  });
  assertEquals(told("refuse", line), nothing);
  assertEquals(told("ok", "something else"), nothing);
  assertEquals(versionTold([]), nothing);
});
