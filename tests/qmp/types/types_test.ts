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
      return Promise.resolve({ name: "vm1" });
    },
  };
  const args = { some: "argument" };
  assertEquals(await ask(executor, types.QUERY_NAME, args), { name: "vm1" });
  assertEquals(asked, [["query-name", args]]);
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
      "a number beyond 2^53",
      types.QUERY_CPUS_FAST,
      [{ "cpu-index": 2n ** 60n }],
      `member "0.cpu-index": `,
    ],
    ["text for an object", types.QUERY_NAME, "vm1", `"query-name": `],
    ["nothing for a list", types.QUERY_IOTHREADS, null, `"query-iothreads": `],
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
