import { zstdCompressSync } from "node:zlib";
import { assertEquals, assertRejects } from "@std/assert";
import { runBriefly } from "../../../lib/brief_run.ts";
import { InspectError } from "../../../lib/inspect/mod.ts";
import { dumpOf, loadDump } from "../../../lib/inspect/compat/mod.ts";
import { dumpText, vmsd } from "./dumps.ts";
import { makeFifo } from "../fifo.ts";

const TEXT = dumpText({ uart: vmsd("uart", []) });
/** The words are: -machine MACHINE -dump-vmstate FILE. */
const WRITE = `cat > "$4" <<'END'\n${TEXT}\nEND\n`;

/** Runs with a shell script that is gone afterwards. */
async function withScript(
  body: string,
  run: (path: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-test-" });
  try {
    const path = `${folder}/program`;
    await Deno.writeTextFile(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    await run(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** That a program is refused with these words. */
function assertFails(body: string, message: string, timeoutMs = 10_000) {
  return withScript(body, async (path) => {
    const run: typeof runBriefly = (program, what) =>
      runBriefly(program, { ...what, timeoutMs });
    await assertRejects(() => dumpOf(path, { run }), InspectError, message);
  });
}

Deno.test("a program is run for its dump", () =>
  withScript(WRITE, async (path) => {
    assertEquals([...(await loadDump(path)).types.keys()], ["uart"]);
  }));

Deno.test("a program is told the machine, and writes to no file with a name", () =>
  withScript(
    `echo "$2" > "$0.log"; readlink "$4" >> "$0.log"\n${WRITE}`,
    async (path) => {
      await dumpOf(path, { machine: "box" });
      const [machine, file] = (await Deno.readTextFile(`${path}.log`)).split(
        "\n",
      );
      assertEquals(machine, "box");
      assertEquals(file, "/memfd:cprctl-vmstate (deleted)");
    },
  ));

Deno.test("a machine is a name, and nothing that a program may take otherwise", () =>
  withScript(WRITE, async (path) => {
    for (const machine of ["", "-c", "a b", "$(id)", "a,b=c", "../a"]) {
      await assertRejects(
        () => dumpOf(path, { machine }),
        InspectError,
        "name",
      );
    }
  }));

Deno.test("a file that cannot be executed is a dump", () =>
  withScript("", async (path) => {
    await Deno.writeTextFile(`${path}.json`, TEXT, { mode: 0o644 });
    assertEquals((await loadDump(`${path}.json`)).machine, "box-1.0");
    await assertRejects(
      () => loadDump(`${path}.none`),
      InspectError,
      "Cannot read",
    );
  }));

Deno.test("what is no program is not run, whatever its permissions", () =>
  withScript("", async (path) => {
    const evil = `${path}.json`;
    const text = TEXT.replace("box-1.0", `$(touch ${path}.run)`);
    await Deno.writeTextFile(evil, text, { mode: 0o755 });
    assertEquals([...(await loadDump(evil)).types.keys()], ["uart"]);
    await Deno.writeTextFile(evil, `touch ${path}.run\n`, { mode: 0o755 });
    await assertRejects(() => loadDump(evil), InspectError, "not valid JSON");
    await assertRejects(() => Deno.stat(`${path}.run`), Deno.errors.NotFound);
  }));

Deno.test("a dump is read from a FIFO, and decompressed", () =>
  withScript("", async (path) => {
    const packed = new Blob([TEXT]).stream()
      .pipeThrough(new CompressionStream("gzip"));
    await Deno.writeFile(`${path}.gz`, packed);
    assertEquals((await loadDump(`${path}.gz`)).machine, "box-1.0");
    await makeFifo(`${path}.fifo`, 'cat "$1"', `${path}.gz`);
    assertEquals((await loadDump(`${path}.fifo`)).machine, "box-1.0");
    await Deno.writeFile(`${path}.zst`, zstdCompressSync(TEXT));
    assertEquals((await loadDump(`${path}.zst`)).machine, "box-1.0");
    await Deno.writeFile(`${path}.cut`, Uint8Array.of(0x1f, 0x8b, 8, 0));
    await assertRejects(
      () => loadDump(`${path}.cut`),
      InspectError,
      "Cannot decompress",
    );
  }));

Deno.test("what only another program decompresses is told with its command", () =>
  withScript("", async (path) => {
    await Deno.writeTextFile(path, "BZh9", { mode: 0o644 });
    const { message, remedy } = await assertRejects(
      () => loadDump(path),
      InspectError,
      "it is compressed by bzip2",
    );
    assertEquals(message.includes("-dump-vmstate"), true);
    assertEquals(
      remedy,
      `Decompress it: bzip2 -dc < ${path} | cprctl compat with - for it`,
    );
  }));

Deno.test("a compressed dump is decompressed up to a limit", () =>
  withScript("", async (path) => {
    const zeros = new Blob([new Uint8Array(17 * 1024 * 1024)]).stream();
    await Deno.writeFile(
      path,
      zeros.pipeThrough(new CompressionStream("gzip")),
    );
    await assertRejects(
      () => loadDump(path),
      InspectError,
      "too large for a dump",
    );
  }));

Deno.test("a program that fails is told in its own words", () =>
  assertFails("echo no such machine >&2; exit 1", "no such machine"));

Deno.test("a program that says nothing is told by its code", () =>
  assertFails("exit 3", "it ended with code 3"));

Deno.test("a program that writes nothing has no dump", () =>
  assertFails("exit 0", "it writes none"));

Deno.test("a program that does not end times out", () =>
  assertFails("while :; do :; done", "did not end in 100 ms", 100));

Deno.test("a program that does not end times out, whatever it said", () =>
  assertFails("echo wait >&2; while :; do :; done", "did not end", 100));

Deno.test("a program that fails is not quoted without end", () =>
  withScript(
    "head -c 100000 /dev/zero | tr '\\0' x >&2; exit 1",
    async (path) => {
      const { message } = await assertRejects(() => dumpOf(path), InspectError);
      assertEquals(/x{100,}$/.exec(message)?.[0].length, 2_000);
    },
  ));
