import { assertEquals, assertThrows } from "@std/assert";
import { InspectError } from "../../../lib/inspect/mod.ts";
import { parseDump } from "../../../lib/inspect/compat/mod.ts";
import { data } from "../../../testing/data/data.ts";
import { dump, field, vmsd } from "./dumps.ts";

Deno.test("a real dump is read", async () => {
  const bytes = await data("dump-vmstate-q35-11.1.2.json");
  const { machine, types } = parseDump(new TextDecoder().decode(bytes), "q35");
  assertEquals([machine, types.size], ["pc-q35-11.1", 225]);
  const { name, version, fields } = types.get("kvmclock") ?? {};
  assertEquals([name, version], ["kvmclock", 1]);
  assertEquals(fields, [
    { name: "clock", version: 0, conditional: false, count: 1, size: 8 },
  ]);
});

Deno.test("what is no dump is told with the place", () => {
  const cases: readonly (readonly [text: string, message: string])[] = [
    ["QEVM", "is not valid JSON"],
    ["[]", "it is not an object"],
    ["{}", 'it has no "vmschkmachine"'],
    ['{"vmschkmachine": {"Name": 1}}', '"vmschkmachine.Name" is not a string'],
    ['{"uart": {}}', '"uart" has no "Name"'],
    ['{"uart": {"Description": {"name": null}}}', "is not a string"],
  ];
  for (const [text, message] of cases) {
    const error = assertThrows(
      () => parseDump(text, "x.json"),
      InspectError,
      message,
    );
    assertEquals(error.code, "not-a-dump");
  }
});

Deno.test("a dump is bounded", () => {
  const fields = Array.from({ length: 1025 }, (_, at) => field(`f${at}`));
  assertThrows(
    () => dump({ uart: vmsd("uart", fields) }),
    InspectError,
    "is too long",
  );
  let deep = vmsd("leaf", []);
  for (let depth = 0; depth < 40; depth++) {
    deep = vmsd("node", [field("inner", { Description: deep })]);
  }
  assertThrows(
    () => dump({ uart: deep }),
    InspectError,
    "is nested too deeply",
  );
});
