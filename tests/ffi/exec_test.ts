import { assert, assertEquals, assertThrows } from "@std/assert";
import { execvp } from "../../ffi/exec.ts";
import { getLimit } from "../../ffi/limits.ts";
import { withoutLeaks } from "./leaks.ts";
import { program, quoted, run, said, standardSignals } from "./processes.ts";

/** The command line that execs another one. */
function execs(argv: string[], options: Record<string, unknown> = {}) {
  return program("exec", JSON.stringify({ argv, ...options }));
}

function lines(text: string): string[] {
  return text.trimEnd().split("\n");
}

/** A shell that sets its soft limit and stays the parent of the command. */
function limited(soft: number, argv: readonly string[]): string[] {
  return ["/bin/sh", "-c", `ulimit -Sn ${soft}; ${quoted(argv)}; exit $?`];
}

const HARD = getLimit("NOFILE").hard;
const SHOW_LIMIT = ["/bin/sh", "-c", "ulimit -Sn; ulimit -Hn"];
const SHOW_SIGNALS = ["grep", "^Sig[BI]", "/proc/self/status"];
const SHOW_VARIABLE = ["/bin/sh", "-c", 'echo "${CPRCTL_OPEN_FILES-none}"'];

Deno.test("the new program has the pid and gets each word as it is", async () => {
  const words = ["a b", "", "'\"\\$", "größer", "new\nline"];
  const script = 'printf "%s|" "$$" "$0" "$@"';
  const ended = await run(execs(["/bin/sh", "-c", script, "name", ...words]));
  assertEquals(
    ended.stdout,
    [ended.pid, "name", ...words, ""].join("|"),
    ended.stderr,
  );
});

Deno.test("a program without a slash is looked for in PATH", async () => {
  assertEquals(await said(execs(["printf", "found"])), "found");
});

Deno.test("another file than argv[0] can be executed", async () => {
  const argv = ["/nowhere/sh", "-c", 'echo "$0"'];
  assertEquals(await said(execs(argv, { file: "/bin/sh" })), "/nowhere/sh\n");
});

Deno.test("the environment is passed on, with later changes", async () => {
  const out = await said(
    execs(["env"], { set: { SINCE: "größer" } }),
    { BEFORE: "x=y z" },
  );
  assert(lines(out).includes("BEFORE=x=y z"));
  assert(lines(out).includes("SINCE=größer"));
});

Deno.test("an environment that is not UTF-8 is passed on", async () => {
  const command = quoted(
    execs(["/bin/sh", "-c", 'printf %s "$RAW" | od -An -tx1']),
  );
  const out = await said([
    "/bin/sh",
    "-c",
    `RAW=$(printf '\\377\\376a'); export RAW; exec ${command}`,
  ]);
  assertEquals(out.trim(), "ff fe 61");
});

Deno.test("a given environment replaces the own one", async () => {
  const out = await said(
    execs(["env"], {
      environment: { ONLY: "this", EMPTY: "" },
      openFiles: { soft: `${HARD}`, hard: `${HARD}` },
    }),
  );
  assertEquals(lines(out).sort(), ["EMPTY=", "ONLY=this"]);
});

Deno.test("signals are as the process was started with, SIGPIPE by default", async () => {
  const disguise = ["env", "--block-signal=USR1", "--ignore-signal=USR2"];
  const direct = await said([...disguise, ...SHOW_SIGNALS]);
  const expected = { SigBlk: 1n << 9n, SigIgn: 1n << 11n };
  assertEquals(standardSignals(direct), expected);
  const through = await said([...disguise, ...execs(SHOW_SIGNALS)]);
  assertEquals(standardSignals(through), expected);
});

Deno.test("every limit is as the process was started with", async () => {
  const show = ["cat", "/proc/self/limits"];
  assertEquals(
    await said(limited(512, execs(show))),
    await said(limited(512, show)),
  );
});

Deno.test("nothing else of the process is changed by having run Deno", async () => {
  const fields = "Umask|[UG]id|Groups|Cap|NoNew|Seccomp|Specul|THP|Cpus|Mems";
  const files = ["oom_score_adj", "timerslack_ns", "coredump_filter"];
  const script = `grep -E '^(${fields})' /proc/self/status
    cd /proc/self; cat ${files.join(" ")}; nice; umask
    for n in fd/0 fd/1 fd/2; do readlink $n | sed 's/[0-9]//g'; done
    ls fd; grep flags fdinfo/[0-2]`;
  const show = ["/bin/sh", "-c", script];
  assertEquals(await said(execs(show)), await said(show));
});

Deno.test("the parent's soft limit of open files is used", async () => {
  const out = await said(limited(512, execs(SHOW_LIMIT)));
  assertEquals(lines(out), ["512", `${HARD}`]);
});

Deno.test("CPRCTL_OPEN_FILES takes precedence over the parent", async () => {
  const out = await said(limited(512, execs(SHOW_LIMIT)), {
    CPRCTL_OPEN_FILES: "700",
  });
  assertEquals(lines(out), ["700", `${HARD}`]);
});

Deno.test("an invalid CPRCTL_OPEN_FILES is ignored", async () => {
  for (const value of ["unlimited", "", "-1", "1e3", `${HARD + 1n}`]) {
    const out = await said(limited(512, execs(SHOW_LIMIT)), {
      CPRCTL_OPEN_FILES: value,
    });
    assertEquals(lines(out), ["512", `${HARD}`], value);
  }
});

Deno.test("without any source the limit stays", async () => {
  const out = await said([
    "/bin/sh",
    "-c",
    `exec ${quoted(execs(SHOW_LIMIT))}`,
  ]);
  assertEquals(lines(out), [`${HARD}`, `${HARD}`]);
});

Deno.test("the caller's own limit is set, both halves", async () => {
  const openFiles = { soft: "300", hard: "400" };
  const out = await said(execs(SHOW_LIMIT, { openFiles }));
  assertEquals(lines(out), ["300", "400"]);
});

Deno.test("the next program gets a soft limit that it could not find out", async () => {
  const openFiles = { soft: "300", hard: `${HARD}` };
  assertEquals(await said(execs(SHOW_VARIABLE, { openFiles })), "300\n");
  assertEquals(
    await said(execs(SHOW_VARIABLE, {
      openFiles,
      environment: { PATH: "/bin", CPRCTL_OPEN_FILES: "999" },
    })),
    "300\n",
  );
  const equal = { soft: `${HARD}`, hard: `${HARD}` };
  assertEquals(
    await said(execs(SHOW_VARIABLE, { openFiles: equal })),
    "none\n",
  );
  assertEquals(
    await said(execs(SHOW_VARIABLE, { openFiles: equal }), {
      CPRCTL_OPEN_FILES: "999",
    }),
    `${HARD}\n`,
  );
});

Deno.test("a chain of execs keeps the limit, also with another parent", async () => {
  const chain = execs(execs(execs(SHOW_LIMIT)), {
    openFiles: { soft: "333", hard: `${HARD}` },
  });
  assertEquals(lines(await said(chain)), ["333", `${HARD}`]);
});

Deno.test("a failed exec changes nothing", async () => {
  const directory = await Deno.makeTempDir({ prefix: "cprctl-exec-" });
  try {
    const garbage = `${directory}/garbage`;
    await Deno.writeFile(garbage, Uint8Array.of(0x7f, 0x45, 0x4c, 0x46, 0, 0));
    await Deno.chmod(garbage, 0o755);
    const plain = `${directory}/plain`;
    await Deno.writeTextFile(plain, "text");
    const failing: [string, string[]][] = [
      ["ENOENT", ["/nonexistent/program", "x"]],
      ["ENOENT", ["no-such-program-in-path"]],
      ["ENOENT", [""]],
      ["EACCES", [directory]],
      ["EACCES", [plain]],
      ["ENOTDIR", [`${plain}/x`]],
      ["E2BIG", ["/bin/true", "x".repeat(200_000)]],
    ];
    for (const [code, argv] of failing) {
      const reports = [
        await said(limited(512, execsFromFile(directory, { argv }))),
        await said(
          limited(
            512,
            execsFromFile(directory, { argv, environment: { A: "b" } }),
          ),
        ),
      ];
      for (const report of reports.map((text) => JSON.parse(text))) {
        assertEquals(report.after, report.before);
        assertEquals(report.before.soft, `${HARD}`, "raised by Deno");
        assert(report.before.signals[2].endsWith("1000"), "SIGPIPE ignored");
        assertEquals(
          { code: report.code, syscall: report.syscall, detail: report.detail },
          { code, syscall: "execvp", detail: argv[0] },
        );
      }
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

/** Like {@link execs} for orders longer than one word may be. */
function execsFromFile(
  directory: string,
  order: Record<string, unknown>,
): string[] {
  const path = `${directory}/order.json`;
  Deno.writeTextFileSync(path, JSON.stringify(order));
  return program("exec", `@${path}`);
}

Deno.test("an empty argv and a text with a NUL are refused", () =>
  withoutLeaks(() => {
    assertThrows(() => execvp([]), TypeError, "argv is empty");
    assertThrows(() => execvp(["/bin/true", "a\0b"]), TypeError, "NUL");
    assertThrows(
      () => execvp(["/bin/true"], { environment: { A: "b\0" } }),
      TypeError,
      "NUL",
    );
  }));

Deno.test("a memfd lives through five generations of one process", async () => {
  const ended = await run(program("generations", "5"));
  assertEquals(ended.stderr, "");
  const written = lines(ended.stdout);
  assertEquals(written.length, 6);
  assertEquals(new Set(written).size, 1, "one pid and one inode");
  assertEquals(written[0]?.split(" ")[0], `${ended.pid}`);
});
