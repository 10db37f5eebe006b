import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  MigrationStreamError,
  parseVmdesc,
  qemuJson,
} from "../../../lib/migration/stream/mod.ts";
import { device } from "../../../testing/streams/foreign.ts";

const MOST = 16 * 1024 * 1024;
const encoder = new TextEncoder();

function refusal(text: string): MigrationStreamError {
  return assertThrows(
    () => parseVmdesc(encoder.encode(text), 5),
    MigrationStreamError,
  );
}

/** A vmdesc of devices whose JSON is given. */
function withDevices(devices: string): string {
  return `{"page_size": 4096, "devices": [${devices}]}`;
}

Deno.test("a vmdesc that is too long to be real is not parsed", () => {
  const error = refusal(withDevices("1,".repeat(MOST / 2) + "1"));
  assert(error.problem.endsWith("bytes is too long to be real"), error.problem);
});

Deno.test("a vmdesc of millions of objects is not parsed", () => {
  const error = refusal(withDevices("{},".repeat(2_000_000) + "{}"));
  assertEquals(
    error.problem,
    "vmdesc has more objects than its length allows",
  );
});

Deno.test("a vmdesc of the shortest objects is parsed", () => {
  const field = '{"name":"x","type":"y","size":0}';
  const fields = `${field},`.repeat(1000) + field;
  const [dev] = parseVmdesc(
    encoder.encode(withDevices(
      `{"name":"d","instance_id":0,"vmsd_name":"d","version":1,"fields":[${fields}]}`,
    )),
    0,
  ).devices;
  assertEquals(dev?.vmsd?.fields.length, 1001);
});

Deno.test("an error in vmdesc names the device", () => {
  const wrong = { ...device([{ name: "x", type: "y" }]), instance_id: 3 };
  const error = refusal(withDevices(qemuJson(wrong)));
  assertEquals(error.location, { section: "dev", instance: 3, offset: 5 });
  assertEquals(error.problem, 'vmdesc.devices[0].fields[0] has no "size"');
});
