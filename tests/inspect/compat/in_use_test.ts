import { assert, assertEquals } from "@std/assert";
import { inspect } from "../../../lib/inspect/mod.ts";
import {
  compareDumps,
  type Description,
  type Dump,
  type InUse,
  parseDump,
  type Rule,
  sectionsInUse,
  typesInUse,
  vmOfStream,
} from "../../../lib/inspect/compat/mod.ts";
import { data } from "../../../testing/data/data.ts";
import { inputOf } from "../../../testing/streams/streams.ts";

const real = parseDump(
  new TextDecoder().decode(await data("dump-vmstate-q35-11.1.2.json")),
  "q35",
);

/** What the VM has whose stream this is. */
async function streamOf(name: string): Promise<InUse> {
  const inspection = inspect(inputOf(await data(name)));
  assert(inspection.format === "migration-stream");
  return sectionsInUse(inspection.sections);
}

/** The real dump with one type changed; undefined: without it. */
function doctored(
  type: string,
  change: (description: Description) => Description | undefined,
): Dump {
  const types = new Map(real.types);
  const before = types.get(type);
  assert(before !== undefined, `There is no type "${type}"`);
  const after = change(before);
  if (after === undefined) types.delete(type);
  else types.set(type, after);
  return { ...real, types };
}

Deno.test("a real dump is compatible with itself", async () => {
  assertEquals(compareDumps(real, real).findings, []);
  const { findings, unseen } = compareDumps(
    real,
    real,
    await streamOf("cpr-exec-q35-plain.vm.state"),
  );
  assertEquals(findings, []);
  assert(unseen.includes("cpu_common"), unseen.join());
  assert(!unseen.includes("ICH9LPC"), unseen.join());
});

Deno.test("what has no VMState is named as not told", async () => {
  const inUse = await streamOf("cpr-exec-pc-rich.vm.state");
  const { unseen } = compareDumps(real, real, inUse);
  assert(unseen.includes("slirp") && unseen.includes("ram"), unseen.join());
});

Deno.test("each change is found, and hits the VM that has the device", async () => {
  const q35 = await streamOf("cpr-exec-q35-plain.vm.state");
  const changes: readonly (readonly [rule: Rule, next: Dump])[] = [
    [
      "version-too-new",
      doctored("ICH9-LPC", (it) => ({ ...it, version: it.version - 1 })),
    ],
    [
      "version-too-old",
      doctored("ICH9-LPC", (it) => ({
        ...it,
        version: it.version + 2,
        minimumVersion: it.version + 1,
      })),
    ],
    [
      "field-removed",
      doctored("ICH9-LPC", (it) => ({ ...it, fields: it.fields.slice(1) })),
    ],
    [
      "section-renamed",
      doctored("ICH9-LPC", (it) => ({ ...it, name: "other" })),
    ],
  ];
  for (const [rule, next] of changes) {
    const { findings } = compareDumps(real, next, q35);
    assertEquals(findings.map(({ rule, hit }) => [rule, hit]), [[rule, true]]);
    const none = compareDumps(real, next, { types: new Set(["e1000"]) });
    assertEquals(none.findings.map(({ rule, hit }) => [rule, hit]), [
      [rule, false],
    ]);
  }
});

Deno.test("a device that starts is not missing: its state is in no dump", async () => {
  const next = doctored("ICH9-LPC", () => undefined);
  const vms = [
    await streamOf("cpr-exec-q35-plain.vm.state"),
    { types: new Set(["ICH9-LPC"]) },
  ];
  for (const inUse of vms) {
    const { findings, unseen } = compareDumps(real, next, inUse);
    assertEquals(findings, []);
    assert(unseen.includes("ICH9LPC"), unseen.join());
  }
  const other = compareDumps(real, next, { types: new Set(["e1000"]) });
  assertEquals(other.findings.map(({ rule, hit }) => [rule, hit]), [
    ["type-missing", false],
  ]);
});

Deno.test("a command that QEMU 7.2 does not know is found", async () => {
  const path = await Deno.makeTempFile({ prefix: "cprctl-test-" });
  try {
    await Deno.writeFile(path, await data("cpr-exec-q35-plain.vm.state"));
    const { inUse } = await vmOfStream(path);
    assertEquals(compareDumps(real, real, inUse).findings, []);
    const old = { ...real, hasCounts: false };
    const { findings } = compareDumps(real, old, inUse);
    assertEquals(findings.map(({ rule, grade }) => [rule, grade]), [
      ["command-unknown", "warn"],
    ]);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("every saved state is loaded by what saved it", async () => {
  const states = [
    "cpr-exec-q35-plain.vm.state",
    "cpr-exec-pc-rich.vm.state",
    "cpr-transfer-q35-main.stream",
  ];
  for (const state of states) {
    const { findings } = compareDumps(real, real, await streamOf(state));
    assertEquals(findings, [], state);
  }
});

Deno.test("the tree of objects tells the types", () => {
  const inUse = typesInUse([
    "/machine (pc-q35-11.1-machine)",
    "  /unattached (container)",
    "    /device[0] (qemu64-x86_64-cpu)",
    "    /odd (name) (ICH9-LPC)\r",
    "",
  ]);
  assert("types" in inUse);
  assertEquals([...inUse.types], [
    "pc-q35-11.1-machine",
    "container",
    "qemu64-x86_64-cpu",
    "ICH9-LPC",
  ]);
});
