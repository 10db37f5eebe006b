import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  answered,
  forEachLine,
  openInTime,
  readBeginning,
  readWhole,
  UnreadableError,
} from "../lib/bounded_file.ts";

Deno.test("a file is read up to a bound", async () => {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, "12345");
    const begun = async (limit: number) => {
      const { bytes, whole } = await readBeginning(file, limit);
      return [new TextDecoder().decode(bytes), whole];
    };
    assertEquals(await begun(6), ["12345", true]);
    assertEquals(await begun(5), ["12345", true]);
    assertEquals(await begun(4), ["1234", false]);
    await assertRejects(() => readWhole(file, 4), UnreadableError, "4 bytes");
    const long = "x".repeat(200_000);
    await Deno.writeTextFile(file, long);
    assertEquals((await readWhole(file, 200_000)).length, 200_000);
    assertEquals((await readBeginning(file, 199_999)).whole, false);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("a file without end takes no more memory than its bound", async () => {
  const { bytes, whole } = await readBeginning("/dev/zero", 100_000);
  assertEquals([bytes.length, whole], [100_000, false]);
});

Deno.test("lines of a table come one by one, in any number", async () => {
  const file = await Deno.makeTempFile();
  try {
    const lines = Array.from({ length: 20_000 }, (_, at) => `line ${at} é`);
    await Deno.writeTextFile(file, lines.join("\n"));
    const seen: string[] = [];
    await forEachLine(file, (line) => seen.push(line));
    assertEquals(seen, lines);
  } finally {
    await Deno.remove(file);
  }
});

Deno.test("what never comes is late", async () => {
  const folder = await Deno.makeTempDir();
  const fifo = `${folder}/fifo`;
  try {
    await new Deno.Command("mkfifo", { args: [fifo] }).output();
    await assertRejects(
      () => readBeginning(fifo, 10, 10),
      UnreadableError,
      "it cannot be read within 10 ms",
    );
    await assertRejects(
      () => answered("file", new Promise(() => {}), 10),
      UnreadableError,
    );
    // Lets the thread go that waits still.
    await Deno.writeTextFile(fifo, "");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a file is read whose reader was kept from it by its own process", async () => {
  const timeoutMs = 500;
  // Opening, reading, and reading that there is no more are a turn each.
  const begun = readBeginning("/proc/self/stat", 4096, timeoutMs);
  const start = performance.now();
  while (performance.now() - start < 2 * timeoutMs);
  assert((await begun).whole);
});

Deno.test("an open that is held up is given up, and closed once it is done", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const fifo = `${folder}/fifo`;
    await new Deno.Command("mkfifo", { args: [fifo] }).output();
    await assertRejects(() => openInTime(fifo, 50), UnreadableError);
    // Comes to an end only when the open does that was given up.
    using writer = await Deno.open(fifo, { write: true });
    // With no reader left, a FIFO cannot be written.
    const written = async () => {
      for (;;) await writer.write(new Uint8Array(1));
    };
    await assertRejects(written, Deno.errors.BrokenPipe);
    assertEquals(await openInTime(`${folder}/none`), undefined);
    using file = await openInTime("/proc/self/environ");
    assert(file !== undefined);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
