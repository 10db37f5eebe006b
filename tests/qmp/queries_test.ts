import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type Executor,
  type Json,
  parseJson,
  QmpProtocolError,
} from "../../lib/qmp/mod.ts";
import * as queries from "../../lib/qmp/queries.ts";

const { queryCpusFast, queryIoThreads, queryMigrate, queryName, queryStatus } =
  queries;

/** What QEMU 11.1.3 answered, by command; some in several situations. */
const REPLIES = parseJson(
  await Deno.readTextFile(new URL("replies.json", import.meta.url)),
) as { readonly [situation: string]: Json };

/** Gives this one answer, whatever is asked. */
function answering(reply: Json | undefined): Executor {
  assert(reply !== undefined);
  return { execute: () => Promise.resolve(reply) };
}

/** Gives the real answers, those of a situation such as "failed" first. */
function inSituation(situation: string): Executor {
  return {
    execute: (command) =>
      answering(REPLIES[`${command} ${situation}`] ?? REPLIES[command])
        .execute(command),
  };
}

Deno.test("every answer of a real QEMU is understood", async () => {
  for (const key of Object.keys(REPLIES)) {
    const [, situation = ""] = key.split(" ");
    for (const query of Object.values(queries)) {
      await query(inSituation(situation));
    }
  }
});

Deno.test("the command and its options reach the executor", async () => {
  const asked: unknown[] = [];
  const executor: Executor = {
    execute(...words) {
      asked.push(words);
      return Promise.resolve({ name: "vm1" });
    },
  };
  const options = { timeoutMs: 5 };
  assertEquals(await queryName(executor, options), { name: "vm1" });
  assertEquals(asked, [["query-name", undefined, options]]);
});

Deno.test("members that are not described are dropped", async () => {
  const reply = { running: true, status: "dreaming", since: 12 };
  assertEquals(await queryStatus(answering(reply)), {
    running: true,
    status: "dreaming",
  });
});

Deno.test("a migration has a status, and a reason where it failed", async () => {
  assertEquals(await queryMigrate(inSituation("")), {});
  assertEquals(await queryMigrate(inSituation("completed")), {
    status: "completed",
  });
  const failed = await queryMigrate(inSituation("failed"));
  assertEquals(failed["error-desc"]?.startsWith("Could not create"), true);
  const blocked = await queryMigrate(inSituation("blocked"));
  assertEquals(blocked["blocked-reasons"]?.length, 2);
});

Deno.test("names and sentences are clipped", async () => {
  const long = "x".repeat(10_000);
  const { name } = await queryName(answering({ name: long }));
  assertEquals(name?.length, 255);
  const migration = await queryMigrate(answering({ "error-desc": long }));
  assertEquals(migration["error-desc"]?.length, 4096);
});

for (
  const [what, query, reply, problem] of [
    [
      "no member",
      queryStatus,
      { running: true },
      `Cannot understand the answer to "query-status": member "status": `,
    ],
    [
      "another type deep inside",
      queryIoThreads,
      [{ id: "a", "thread-id": 5 }, { id: "b", "thread-id": "6" }],
      `"query-iothreads": member "1.thread-id": `,
    ],
    [
      "a thread that is none",
      queryIoThreads,
      [{ id: "a", "thread-id": -1 }],
      `member "0.thread-id": `,
    ],
    [
      "a number beyond 2^53",
      queryCpusFast,
      [{ "cpu-index": 2n ** 60n }],
      `member "0.cpu-index": `,
    ],
    ["text for an object", queryName, "vm1", `"query-name": `],
    ["nothing for a list", queryIoThreads, null, `"query-iothreads": `],
  ] as const
) {
  Deno.test(`an answer with ${what} is refused by name`, async () => {
    await assertRejects(
      () => query(answering(structuredClone(reply) as Json)),
      QmpProtocolError,
      problem,
    );
  });
}
