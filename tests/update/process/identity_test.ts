import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { UpdateProblem } from "../../../lib/update/error.ts";
import {
  credentialsOf,
  identify,
  isOwnedBy,
  requireSame,
  requireSameNow,
  requireSameUser,
} from "../../../lib/update/process/identity.ts";

const PID = 4711;
const NOBODY = { uid: 65534, gid: 65534 };
const AS_NOBODY = [
  "setpriv",
  "--reuid=65534",
  "--regid=65534",
  "--clear-groups",
];
const ignore = Deno.uid() !== 0;

const four = (id: number) => [id, id, id, id];

Deno.test("user and groups of a process", () => {
  const status = { uids: four(1000), gids: four(100), groups: [4, 27] };
  assertEquals(credentialsOf(status, PID), {
    uid: 1000,
    gid: 100,
    groups: [4, 27],
  });
});

Deno.test("a process with different user or group ids is not a VM", () => {
  const [alike, groups] = [four(1000), []];
  for (
    const other of [
      [0, 1000, 1000, 1000],
      [1000, 0, 1000, 1000],
      [1000, 1000, 0, 1000],
      [1000, 1000],
    ]
  ) {
    for (
      const status of [
        { uids: other, gids: alike, groups },
        { uids: alike, gids: other, groups },
      ]
    ) {
      const error = assertThrows(
        () => credentialsOf(status, PID),
        UpdateProblem,
      );
      assertEquals(error.code, "several-users");
    }
  }
});

/** A shell that executes each line that it is told. */
async function withShell(
  wrapper: readonly string[],
  run: (pid: number, say: (line: string) => Promise<void>) => Promise<void>,
): Promise<void> {
  const loop = 'echo; while read -r line; do eval "$line"; echo; done';
  const [first = "", ...args] = [...wrapper, "/bin/sh", "-c", loop];
  const process = new Deno.Command(first, {
    args,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = process.stdout.getReader();
  const writer = process.stdin.getWriter();
  try {
    await reader.read();
    await run(process.pid, async (line) => {
      await writer.write(new TextEncoder().encode(`${line}\n`));
      await reader.read();
    });
  } finally {
    await writer.close();
    await reader.cancel();
    await process.status;
  }
}

const own = () => ({ uid: Deno.uid() ?? 0, gid: Deno.gid() ?? 0 });
const ANEW = "exec /bin/sh -c 'echo; read -r line'";

Deno.test("a process that executes its own program again is not the same", () =>
  withShell([], async (pid, say) => {
    const identity = await identify({ pid, ...own() });
    await requireSame(identity);
    requireSameNow(identity);
    await say(ANEW);
    assertThrows(() => requireSameNow(identity), UpdateProblem, "program");
    await assertRejects(() => requireSame(identity), UpdateProblem);
    requireSameUser(identity);
  }));

Deno.test("a process that has ended is not the same", async () => {
  let identity: Awaited<ReturnType<typeof identify>> | undefined;
  await withShell([], async (pid) => {
    identity = await identify({ pid, ...own() });
  });
  const known = identity;
  assert(known !== undefined);
  assertThrows(() => requireSameNow(known), UpdateProblem, "it ended");
  assert(!isOwnedBy(known.pid, known.credentials));
});

Deno.test({
  name: "the monitor must have been opened by the process's user",
  ignore,
  fn: () =>
    withShell(AS_NOBODY, async (pid) => {
      const identity = await identify({ pid, ...NOBODY });
      assertEquals(identity.credentials, { ...NOBODY, groups: [] });
      assert(!identity.openedByRoot);
      assert(isOwnedBy(pid, NOBODY));
      assert(!isOwnedBy(pid, { uid: 0, gid: 0 }));
      for (
        const other of [
          { uid: 65533, gid: 65534 },
          { uid: 65534, gid: 65533 },
        ]
      ) {
        const error = await assertRejects(
          () => identify({ pid, ...other }),
          UpdateProblem,
        );
        assertEquals(error.code, "another-user");
      }
    }),
});

Deno.test({
  name: "a process that root started may have dropped root",
  ignore,
  fn: () =>
    withShell(AS_NOBODY, async (pid) => {
      const identity = await identify({ pid, uid: 0, gid: 0 });
      assert(identity.openedByRoot);
      assertEquals(identity.credentials.uid, 65534);
    }),
});

Deno.test({
  name:
    "a process that became root's is not the user's that opened the monitor",
  ignore,
  fn: () =>
    withShell([], async (pid) => {
      const error = await assertRejects(
        () => identify({ pid, ...NOBODY }),
        UpdateProblem,
      );
      assertEquals(error.code, "another-user");
    }),
});

Deno.test({
  name: "a process that is hidden from its user is refused",
  ignore,
  fn: () =>
    withShell([
      ...[Deno.execPath(), "run", "--quiet", "--allow-all"],
      new URL("hidden_process.ts", import.meta.url).pathname,
    ], async (pid) => {
      const error = await assertRejects(
        () => identify({ pid, ...NOBODY }),
        UpdateProblem,
      );
      assertEquals(error.code, "not-dumpable");
      await identify({ pid, uid: 0, gid: 0 });
    }),
});
