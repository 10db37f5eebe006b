import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type Json,
  parseJson,
  QmpProtocolError,
} from "../../../lib/qmp/mod.ts";
import * as types from "../../../lib/qmp/types/mod.ts";
import { ask, type Executor, type Query } from "../../../lib/qmp/types/mod.ts";

/** What QEMU 11.1.3 answered, by command; some in several situations. */
const REPLIES = parseJson(
  await Deno.readTextFile(new URL("replies.json", import.meta.url)),
) as { readonly [situation: string]: Json };

/** Gives this one answer, whatever is asked. */
function answering(reply: Json | undefined): Executor {
  assert(reply !== undefined);
  return { execute: () => Promise.resolve(reply) };
}

function isQuery(value: unknown): value is Query<unknown> {
  return typeof value === "object" && value !== null && "command" in value;
}

const EXPORTS: readonly unknown[] = Object.values(types);
const QUERIES = EXPORTS.filter(isQuery);

Deno.test("every answer of a real QEMU is understood", async () => {
  for (const [situation, reply] of Object.entries(REPLIES)) {
    const asked = QUERIES.filter((it) =>
      it.command === situation.split(" ")[0]
    );
    assert(asked.length > 0, situation);
    for (const query of asked) await ask(answering(reply), query);
  }
});

Deno.test("every query was tried on a real answer", () => {
  const tried = new Set(Object.keys(REPLIES).map((it) => it.split(" ")[0]));
  for (const { command } of QUERIES) assert(tried.has(command), command);
});

Deno.test("what is asked reaches the executor", async () => {
  const asked: unknown[] = [];
  const executor: Executor = {
    execute(command, args) {
      asked.push([command, args]);
      return Promise.resolve("pc-q35-11.1-machine");
    },
  };
  const args = { path: "/machine", property: "type" };
  assertEquals(
    await ask(executor, types.QOM_GET_STRING, args),
    "pc-q35-11.1-machine",
  );
  assertEquals(asked, [["qom-get", args]]);
});

Deno.test("members that are not described are dropped", async () => {
  assertEquals(
    await ask(
      answering({ running: true, status: "dreaming", since: 12 }),
      types.QUERY_STATUS,
    ),
    { running: true, status: "dreaming" },
  );
});

Deno.test("an unknown downtime is exact", async () => {
  const info = await ask(
    answering(REPLIES["query-migrate pre-switchover"]),
    types.QUERY_MIGRATE,
  );
  assertEquals(info["expected-downtime"], 2n ** 63n - 1n);
  assertEquals(info["blocked-reasons"], []);
});

Deno.test("migration parameters keep every member, to be put back", async () => {
  const reply = REPLIES["query-migrate-parameters"];
  assertEquals<unknown>(
    await ask(answering(reply), types.QUERY_MIGRATE_PARAMETERS),
    reply,
  );
});

Deno.test("a block device tells its chain and its throttle", async () => {
  const devices = await ask(
    answering(REPLIES["query-block"]),
    types.QUERY_BLOCK,
  );
  assertEquals(devices.map(({ device }) => device).toSorted(), [
    "",
    "cd",
    "d1",
  ]);
  const [empty, throttled] = ["cd", "d1"].map((name) =>
    devices.find(({ device }) => device === name)?.inserted
  );
  assertEquals(empty, undefined);
  assertEquals(throttled?.iops, 1000);
  assertEquals(
    throttled?.image["backing-image"]?.filename,
    "/var/lib/vm/base.raw",
  );
});

Deno.test("the capabilities and their order are those of QEMU 11.1", async () => {
  const reply = await ask(
    answering(REPLIES["query-migrate-capabilities"]),
    types.QUERY_MIGRATE_CAPABILITIES,
  );
  assertEquals<readonly string[]>(
    reply.map(({ capability }) => capability),
    types.MIGRATION_CAPABILITIES,
  );
});

for (
  const [what, query, reply, problem] of [
    [
      "no member",
      types.QUERY_STATUS,
      { running: true },
      `Cannot understand the answer to "query-status": member "status": `,
    ],
    [
      "another type deep inside",
      types.QUERY_IOTHREADS,
      [{ id: "a", "thread-id": 5 }, { id: "b", "thread-id": "6" }],
      `"query-iothreads": member "1.thread-id": `,
    ],
    [
      "a thread that is none",
      types.QUERY_IOTHREADS,
      [{ id: "a", "thread-id": -1 }],
      `member "0.thread-id": `,
    ],
    [
      "a size beyond 2^53",
      types.QUERY_MEMDEV,
      [{ size: 2n ** 60n }],
      `member "0.size": `,
    ],
    ["text for an object", types.QUERY_NAME, "vm1", `"query-name": `],
    ["nothing for a string", types.QOM_GET_STRING, null, `"qom-get": `],
  ] as readonly (readonly [string, Query<unknown>, Json, string])[]
) {
  Deno.test(`an answer with ${what} is refused by name`, async () => {
    await assertRejects(
      () => ask(answering(reply), query),
      QmpProtocolError,
      problem,
    );
  });
}
