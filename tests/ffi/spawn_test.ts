import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Child } from "../../ffi/child.ts";
import { Fd } from "../../ffi/fd.ts";
import { OsError } from "../../ffi/libc.ts";
import { getLimit } from "../../ffi/limits.ts";
import { createMemfd } from "../../ffi/memfd.ts";
import { O_RDWR } from "../../ffi/open_flags.ts";
import { spawn, type SpawnOptions } from "../../ffi/spawn.ts";
import { withoutLeaks } from "./leaks.ts";
import { program, said, standardSignals } from "./processes.ts";

const DEADLINE_MS = 30_000;
const HARD = getLimit("NOFILE").hard;

type Options = Partial<SpawnOptions>;

function codeOf(call: () => unknown): string {
  return assertThrows(call, OsError).code;
}

/** What a child writes to its stdout; it must succeed. */
async function output(argv: string[], options: Options = {}): Promise<string> {
  using out = createMemfd("stdout");
  const descriptors = new Map(options.descriptors ?? []);
  descriptors.set(1, out.number);
  using child = spawn(argv, { ...options, descriptors });
  assertEquals(await child.wait(DEADLINE_MS), { code: 0, signal: null });
  out.seek(0);
  return new TextDecoder().decode(out.readAll(1 << 20));
}

/** What each descriptor of a child is, but for its stdout. */
async function descriptorsOf(
  descriptors: ReadonlyMap<number, number>,
): Promise<Record<string, string>> {
  // The shell waits while ls looks at it, and has nothing open of its own.
  const listing = await output(
    ["/bin/sh", "-c", "ls -l /proc/$$/fd; exit 0"],
    { descriptors },
  );
  return Object.fromEntries(
    [...listing.matchAll(/ (\d+) -> (.*)$/gm)]
      .map(([, number = "", target = ""]) => [number, target] as const)
      .filter(([number]) => number !== "1"),
  );
}

Deno.test("a child has the chosen descriptors at their numbers and no other", () =>
  withoutLeaks(async () => {
    using ram = createMemfd("ram");
    using state = createMemfd("state");
    using leaky = createMemfd("leaky", { cloexec: false });
    using high = leaky.dup({ cloexec: false, atLeast: 500 });
    assert(!high.cloexec);
    assertEquals(
      await descriptorsOf(
        new Map([[0, ram.number], [5, state.number], [12, ram.number]]),
      ),
      {
        0: "/memfd:ram (deleted)",
        2: "/dev/null",
        5: "/memfd:state (deleted)",
        12: "/memfd:ram (deleted)",
      },
    );
    assert(!leaky.cloexec, "nothing changed here");
  }));

Deno.test("overlapping numbers are assigned correctly", () =>
  withoutLeaks(async () => {
    using a = createMemfd("a");
    using b = createMemfd("b");
    using c = createMemfd("c");
    const name = (text: string) => `/memfd:${text} (deleted)`;
    const found = await descriptorsOf(
      new Map([
        [a.number, b.number],
        [b.number, c.number],
        [c.number, a.number],
      ]),
    );
    assertEquals(found[a.number], name("b"));
    assertEquals(found[b.number], name("c"));
    assertEquals(found[c.number], name("a"));
    const same = await descriptorsOf(new Map([[a.number, a.number]]));
    assertEquals(same[a.number], name("a"), "to itself, without close-on-exec");
    assertEquals(Object.keys(same).length, 3);
    assert(a.cloexec);
  }));

Deno.test("a child's numbers may include all that are used here", () =>
  withoutLeaks(async () => {
    using a = createMemfd("a");
    using b = createMemfd("b");
    using c = createMemfd("c");
    const files = [a, b, c];
    const numbers = Array.from({ length: 60 }, (_, index) => 62 - index);
    const found = await descriptorsOf(
      new Map(numbers.map((n) => [n, files[n % 3]?.number ?? -1])),
    );
    const names = numbers.map((n) => found[n]);
    assertEquals(
      names,
      numbers.map((n) => `/memfd:${["a", "b", "c"][n % 3]} (deleted)`),
    );
  }));

Deno.test("inherited descriptors keep their offset and can be written", () =>
  withoutLeaks(async () => {
    using log = createMemfd("log");
    log.writeAll(new TextEncoder().encode("before "));
    using child = spawn(["/bin/sh", "-c", "echo child >&9"], {
      descriptors: new Map([[9, log.number]]),
    });
    assertEquals(await child.wait(DEADLINE_MS), { code: 0, signal: null });
    log.seek(0);
    assertEquals(
      new TextDecoder().decode(log.readAll(100)),
      "before child\n",
    );
  }));

Deno.test("words, environment and directory arrive as they are", () =>
  withoutLeaks(async () => {
    const words = ["a b", "", "größer", "'\"\\$x"];
    assertEquals(
      await output(["/bin/sh", "-c", 'printf "%s|" "$@"', "sh", ...words]),
      `${words.join("|")}|`,
    );
    assertEquals(
      await output(["env"], { environment: { A: "b c", B: "" } }),
      "A=b c\nB=\n",
    );
    assertEquals(await output(["/bin/pwd"], { cwd: "/usr" }), "/usr\n");
  }));

Deno.test("the default environment is the current one", () =>
  withoutLeaks(async () => {
    Deno.env.set("CPRCTL_SPAWN_TEST", "größer");
    try {
      const lines = (await output(["env"])).split("\n");
      assert(lines.includes("CPRCTL_SPAWN_TEST=größer"));
    } finally {
      Deno.env.delete("CPRCTL_SPAWN_TEST");
    }
    assert(!(await output(["env"])).includes("CPRCTL_SPAWN_TEST"));
  }));

Deno.test("signals are at their defaults and none is blocked", () =>
  withoutLeaks(async () => {
    const status = await output(["grep", "^Sig[BI]", "/proc/self/status"]);
    assertEquals(standardSignals(status), { SigBlk: 0n, SigIgn: 0n });
  }));

Deno.test("a new session is led by the child", () =>
  withoutLeaks(async () => {
    const sessionIsOwn = [
      "/bin/sh",
      "-c",
      'test "$(cut -d" " -f6 /proc/$$/stat)" = $$ && echo own || echo shared',
    ];
    assertEquals(await output(sessionIsOwn, { newSession: true }), "own\n");
    assertEquals(await output(sessionIsOwn), "shared\n");
  }));

Deno.test("the limit of open files is lowered for the child alone", () =>
  withoutLeaks(async () => {
    const openFiles = { soft: 256n, hard: HARD };
    const before = getLimit("NOFILE");
    const variable = Deno.env.get("CPRCTL_OPEN_FILES");
    assertEquals(
      await output(["/bin/sh", "-c", "ulimit -Sn; ulimit -Hn"], { openFiles }),
      `256\n${HARD}\n`,
    );
    assertEquals(getLimit("NOFILE"), before);
    const show = ["/bin/sh", "-c", 'echo "${CPRCTL_OPEN_FILES-none}"'];
    assertEquals(await output(show, { openFiles }), "256\n");
    assertEquals(await output(show, { openFiles, environment: {} }), "none\n");
    assertEquals(Deno.env.get("CPRCTL_OPEN_FILES"), variable);
  }));

Deno.test("a child gets the limit that its parent was started with", async () => {
  const argv = program("spawn", "/bin/sh", "-c", "ulimit -Sn");
  const words = argv.map((word) => `'${word}'`).join(" ");
  assertEquals(
    await said(["/bin/sh", "-c", `ulimit -Sn 512; ${words}; exit $?`]),
    "512\n",
  );
});

Deno.test("descriptors beyond the child's limit cost no more than an error", () =>
  withoutLeaks(() => {
    using file = createMemfd("high");
    const before = getLimit("NOFILE");
    const error = assertThrows(
      () =>
        spawn(["true"], {
          descriptors: new Map([[300, file.number]]),
          openFiles: { soft: 256n, hard: HARD },
        }),
      OsError,
    );
    assertEquals(error.code, "EBADF");
    assertEquals(getLimit("NOFILE"), before);
  }));

Deno.test("the status of a child can be read repeatedly", () =>
  withoutLeaks(async () => {
    using exits = spawn(["/bin/sh", "-c", "exit 42"], {
      descriptors: new Map(),
    });
    assertEquals(await exits.wait(DEADLINE_MS), { code: 42, signal: null });
    assertEquals(await exits.wait(0), { code: 42, signal: null });
    assertEquals(exits.status, { code: 42, signal: null });
    assertEquals(codeOf(() => exits.kill("SIGTERM")), "ESRCH");

    using killed = spawn(["sleep", "1000"], { descriptors: new Map() });
    const wait = killed.wait(DEADLINE_MS);
    killed.kill("SIGTERM");
    assertEquals(await wait, { code: null, signal: "SIGTERM" });
  }));

Deno.test("waiting for a child has a deadline", () =>
  withoutLeaks(async () => {
    using child = spawn(["sleep", "1000"], { descriptors: new Map() });
    const error = await assertRejects(() => child.wait(20), OsError);
    assertEquals([error.code, error.syscall], ["ETIMEDOUT", "wait4"]);
    assertEquals(child.status, undefined);
  }));

Deno.test("a child does not outlive its scope unless released", () =>
  withoutLeaks(async () => {
    let pid: number;
    {
      using child = spawn(["sleep", "1000"], { descriptors: new Map() });
      pid = child.pid;
    }
    assertThrows(() => Deno.statSync(`/proc/${pid}`), Deno.errors.NotFound);
    {
      using child = spawn(["sleep", "1000"], { descriptors: new Map() });
      pid = child.release();
    }
    using again = new Child(pid);
    assertEquals(again.status, undefined, "it lives");
    again.kill("SIGKILL");
    assertEquals((await again.wait(DEADLINE_MS)).signal, "SIGKILL");
  }));

Deno.test("a failed start is an error and leaves nothing", () =>
  withoutLeaks(() => {
    const start = (argv: string[], options: Options = {}) =>
      assertThrows(
        () => spawn(argv, { descriptors: new Map(), ...options }),
        OsError,
      );
    const missing = start(["/nonexistent/program"]);
    assertEquals(
      missing.message,
      'Cannot posix_spawnp "/nonexistent/program": No such file or directory (ENOENT)',
    );
    assertEquals(start(["no-such-program-in-path"]).code, "ENOENT");
    assertEquals(start(["/etc/passwd"]).code, "EACCES");
    assertEquals(start(["true"], { cwd: "/nonexistent" }).code, "ENOENT");
    assertEquals(
      start(["true"], { descriptors: new Map([[3, 999_999]]) }).code,
      "EBADF",
    );
    assertThrows(() => spawn([], { descriptors: new Map() }), TypeError);
    assertThrows(() => spawn(["a\0"], { descriptors: new Map() }), TypeError);
    assertThrows(
      () => spawn(["true"], { descriptors: new Map(), cwd: "/\0" }),
      TypeError,
    );
  }));

Deno.test("hundreds of children leave nothing", () =>
  withoutLeaks(async () => {
    using file = Fd.open("/dev/null", O_RDWR);
    for (let i = 0; i < 200; i++) {
      using child = spawn(["/bin/true"], {
        descriptors: new Map([[3, file.number], [4, file.number]]),
      });
      assertEquals((await child.wait(DEADLINE_MS)).code, 0);
    }
  }));
