import { assertEquals, assertRejects } from "@std/assert";
import { writeMetricsFile } from "../../lib/cli/files/metrics.ts";
import { UnwrittenFileError } from "../../lib/cli/files/replace.ts";
import { type HostList, LIST_SCHEMA } from "../../lib/update/host/list.ts";
import { listed } from "../update/all/listed.ts";

function hostOf(count: number): HostList {
  // Escaped, each character is seven.
  const name = "\u202e".repeat(255);
  const vms = Array.from(
    { length: count },
    (_, at) => listed({ pid: at, name }),
  );
  return { schema: LIST_SCHEMA, vms, unreadable: 0, skipped: [] };
}

Deno.test("metrics that could not be read again are not written", async () => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/cprctl.prom`;
  await writeMetricsFile(path, [], hostOf(1));
  const before = await Deno.readTextFile(path);
  await assertRejects(
    () => writeMetricsFile(path, [], hostOf(8_000)),
    UnwrittenFileError,
    "8000 VMs",
  );
  assertEquals(await Deno.readTextFile(path), before);
  await Deno.remove(folder, { recursive: true });
});
