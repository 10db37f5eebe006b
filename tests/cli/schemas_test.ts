/** Every document that a command prints with --json, against its schema. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import * as v from "valibot";
import * as reports from "./reports.ts";
import { schemaCommand } from "../../lib/cli/commands/schema.ts";
import type { Engine } from "../../lib/cli/engine.ts";
import {
  documentJsonSchema,
  type DocumentName,
  documentSchema,
} from "../../lib/cli/schemas.ts";
import { workOnAll } from "../../lib/update/all/all.ts";
import { LIST_SCHEMA } from "../../lib/update/host/list.ts";
import { errorDocumentSchema } from "../../lib/update/report/report.ts";
import { data, STREAMS, STREAMS_OF_OTHERS } from "../../testing/data/data.ts";
import { device, deviceStream } from "../../testing/streams/foreign.ts";
import { everyType, withRam } from "../../testing/streams/streams.ts";
import { dumpText, field, vmsd } from "../inspect/compat/dumps.ts";
import { listed } from "../update/all/listed.ts";
import { runHere } from "./run_here.ts";

const VMS = [
  listed({ pid: 7, name: "web-1" }),
  listed({ pid: 8, obstacle: "it has no QMP socket", qmp: null }),
];

const ENGINE: Partial<Engine> = {
  update: () => Promise.resolve(reports.updated),
  check: () => Promise.resolve(reports.refused),
  workOnHost: (request) => workOnAll({ ...request, vms: VMS }),
  listVms: () =>
    Promise.resolve({
      schema: LIST_SCHEMA,
      vms: VMS,
      unreadable: 1,
      skipped: [{ pid: 9, why: "its command line is endless" }],
    }),
  recover: () =>
    Promise.resolve([
      {
        vm: { pid: 7, name: "web-1" },
        pid: 7,
        outcome: "recovered",
        message: "The VM of process 7 runs",
      },
      {
        vm: { pid: 8, name: undefined },
        pid: null,
        outcome: "needs-person",
        message: "Process 8 is gone",
        code: "process-gone",
        remedy: "Start the VM again",
      },
    ]),
};

/** Fails unless the command prints one document of that name. */
async function assertPrints(
  name: DocumentName,
  words: readonly string[],
): Promise<unknown> {
  const { stdout } = await runHere([...words, "--json"], ENGINE);
  const document = JSON.parse(stdout);
  assertEquals(v.parse(documentSchema(name), document), document);
  assertEquals(v.is(errorDocumentSchema, document), false, stdout);
  return document;
}

async function inFolder(
  files: Readonly<Record<string, Uint8Array | string>>,
  work: (path: (name: string) => string) => Promise<unknown>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-test-" });
  try {
    for (const [name, content] of Object.entries(files)) {
      const bytes = typeof content === "string"
        ? new TextEncoder().encode(content)
        : content;
      await Deno.writeFile(`${folder}/${name}`, bytes);
    }
    await work((name) => `${folder}/${name}`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("what is printed of VMs is as its schema says", async () => {
  await assertPrints("report", ["update", "--qmp", "/run/a.qmp"]);
  await assertPrints("report", ["check", "--qmp", "/run/a.qmp"]);
  await assertPrints("all", ["update", "--all"]);
  await assertPrints("list", ["list"]);
  await assertPrints("version", ["version"]);
  assertEquals(
    await assertPrints("recover", ["recover"]),
    {
      schema: 1,
      results: [
        {
          name: "web-1",
          pid_before: 7,
          pid_after: 7,
          outcome: "recovered",
          code: null,
          message: "The VM of process 7 runs",
          remedy: null,
        },
        {
          name: null,
          pid_before: 8,
          pid_after: null,
          outcome: "needs-person",
          code: "process-gone",
          message: "Process 8 is gone",
          remedy: "Start the VM again",
        },
      ],
    },
  );
});

Deno.test("what is printed of states is as its schema says", async () => {
  for (
    const name of [...STREAMS, ...STREAMS_OF_OTHERS, "cpr-exec-pc-rich.qcpr"]
  ) {
    await inFolder({ state: await data(name) }, async (path) => {
      await assertPrints("inspect", ["inspect", path("state")]);
    });
  }
  const [small, other] = [withRam(), everyType()];
  await inFolder({ small, other, torn: other.slice(0, -9) }, async (path) => {
    const ram = ["--extract-ram", path("ram"), "--verify"];
    await assertPrints("inspect", ["inspect", path("small"), ...ram]);
    await assertPrints("inspect", ["inspect", path("torn")]);
    await assertPrints("inspect", ["inspect", path("absent")]);
    await assertPrints("diff", ["diff", path("small"), path("other")]);
  });
  const odd = { name: "msix", type: "msix state", size: 2 };
  const undecoded = deviceStream([1, 2], device([odd]));
  await inFolder({ undecoded }, async (path) => {
    const document = await assertPrints("inspect", [
      "inspect",
      path("undecoded"),
    ]);
    assertStringIncludes(JSON.stringify(document), "not_decoded");
  });
  const before = dumpText({ uart: vmsd("uart", [field("level")]) }, "box-1");
  const after = dumpText({ uart: vmsd("uart", []), rtc: vmsd("rtc", []) });
  await inFolder({ before, after }, async (path) => {
    await assertPrints("compat", ["compat", path("before"), path("after")]);
  });
});

Deno.test("any error is a document, if JSON is wanted", async () => {
  const words: readonly (readonly string[])[] = [
    ["update", "--json"],
    ["updaet", "--json"],
    ["update", "--json", "--qmp"],
    ["update", "--json", "--qmp", "a", "--timeout", "soon"],
    ["update", "--json", "--qmp", ""],
    ["list", "--json", "--jsno"],
    ["inspect", "--json"],
    ["diff", "--json", "a"],
    ["compat", "--json", "/absent/old", "/absent/new"],
    ["diff", "--json", "/absent/old", "/absent/new"],
  ];
  for (const line of words) {
    const { stdout, stderr, code } = await runHere(line);
    const document = JSON.parse(stdout);
    assertEquals(v.parse(errorDocumentSchema, document), document);
    assertEquals(stderr.startsWith("error: "), true);
    assertEquals(code > 0, true, line.join(" "));
  }
  const { stdout } = await runHere([
    ...["update", "--json", "--qmp", "a", "--timeout", "soon"],
  ]);
  assertEquals(
    JSON.parse(stdout).error.message,
    'Cannot set --timeout to "soon": Expected a positive number of seconds',
  );
  assertEquals((await runHere(["update", "--qmp", ""])).stdout, "");
});

Deno.test("every document has a schema, and no other has", async () => {
  const [operand] = schemaCommand.name === "schema" &&
      "operands" in schemaCommand
    ? schemaCommand.operands
    : [];
  const names = operand?.brief.match(/\w+(?=,| \()/g) ?? [];
  assertEquals(names.length, 9);
  for (const name of names) {
    const { stdout, code } = await runHere(["schema", name]);
    assertEquals(code, 0);
    assertEquals(JSON.parse(stdout).title, `cprctl: ${name}`);
  }
  const { code, stderr } = await runHere(["schema", "vm"]);
  assertEquals(code, 2);
  assertEquals(stderr.startsWith('error: Cannot use "vm" as DOCUMENT'), true);
});

Deno.test("the JSON Schema has not changed", async (t) => {
  await t.assertSnapshot(documentJsonSchema("report"));
});

Deno.test("the JSON Schema requires every field", () => {
  const [report] = documentJsonSchema("report").anyOf ?? [];
  if (typeof report !== "object") throw new Error("no schema of the report");
  const always = Object.keys(reports.refused).sort();
  assertEquals(report.required?.toSorted(), always);
  assertEquals(
    Object.keys(report.properties ?? {}).sort(),
    [...always, "before_after"].sort(),
  );
  assertEquals(report.additionalProperties, false);
});
