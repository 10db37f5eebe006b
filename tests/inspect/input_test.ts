import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { createMemfd } from "../../ffi/memfd.ts";
import { CPR_EXEC_STATE } from "../../lib/cpr/mod.ts";
import {
  inspect,
  InspectError,
  openCprState,
  openInput,
} from "../../lib/inspect/mod.ts";
import { data } from "../../testing/data/data.ts";
import { inFolder } from "./folder.ts";
import { makeFifo } from "./fifo.ts";

const LARGE = 65 * 1024 * 1024;

Deno.test("a file is read from its start to its end", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x`;
    await Deno.writeFile(path, Uint8Array.of(1, 2, 3));
    using input = await openInput(path);
    assertEquals([input.name, [...input.bytes]], [path, [1, 2, 3]]);
  }));

Deno.test("a large file is mapped, and its memory given back", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x`;
    await Deno.writeFile(path, Uint8Array.of(7));
    await Deno.truncate(path, LARGE);
    using input = await openInput(path);
    assertEquals([input.bytes.length, input.bytes[0]], [LARGE, 7]);
    for (const _pass of [1, 2]) {
      for (let at = 0; at < LARGE; at += 4096) assert(input.bytes[at] !== 1);
      const before = mappedMemory();
      for (const end of [LARGE / 2, LARGE]) input.passed(end);
      assert(before - mappedMemory() > LARGE / 2);
    }
    input.passed(5);
    assertEquals(input.bytes[0], 7);
  }));

/** Bytes of mapped files in this process. */
function mappedMemory(): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return 1024 * Number(/^RssFile:\s+(\d+) kB/m.exec(status)?.[1]);
}

/** What is read of a FIFO that a shell command writes to. */
async function piped(
  command: string,
  look: (bytes: Uint8Array) => void,
  start = 0,
): Promise<void> {
  await inFolder(async (folder) => {
    const path = `${folder}/fifo`;
    await makeFifo(path, command);
    using input = await openInput(path, { start });
    assertEquals(input.name, path);
    look(input.bytes);
  });
}

Deno.test("a FIFO is read to its end", () =>
  piped("printf QEVMabc", (bytes) => {
    assertEquals(new TextDecoder().decode(bytes), "QEVMabc");
  }));

Deno.test("what comes through a FIFO is kept in a file if it is much", () =>
  piped(`printf QEVM; head -c ${LARGE} /dev/zero; printf end`, (bytes) => {
    assertEquals(bytes.length, 4 + LARGE + 3);
    assertEquals(new TextDecoder().decode(bytes.subarray(-4)), "\0end");
    const maps = Deno.readTextFileSync("/proc/self/maps");
    assert(/\/cprctl-\w+ \(deleted\)$/m.test(maps), "it is not mapped");
  }));

Deno.test("of a FIFO with another format no more than its magic is read", () =>
  piped("printf 'BZh9'; exec cat /dev/zero", (bytes) => {
    assertEquals(new TextDecoder().decode(bytes), "BZh9");
  }));

Deno.test("what cannot be read is said with its reason", () =>
  inFolder(async (folder) => {
    const no = `${folder}/no`;
    await assertRejects(() => openInput(no), InspectError, "(ENOENT)");
    await assertRejects(() => openInput(folder), InspectError, "(EISDIR)");
  }));

Deno.test("a process's CPR state is found among its descriptors", async () => {
  assertThrows(
    () => openCprState(Deno.pid),
    InspectError,
    `Cannot find CPR state in process "${Deno.pid}"`,
  );
  using memfd = createMemfd(CPR_EXEC_STATE);
  memfd.writeAll(await data("cpr-exec-q35-plain.qcpr"));
  using input = openCprState(Deno.pid);
  assertEquals(inspect(input).format, "cpr-state");
  assertEquals(input.name, `process ${Deno.pid}`);
});

Deno.test("CPR state that is far too long is not read, nor mapped", () => {
  using memfd = createMemfd(CPR_EXEC_STATE);
  memfd.truncate(LARGE);
  assertThrows(
    () => openCprState(Deno.pid),
    InspectError,
    `Cannot read "process ${Deno.pid}": it is too large`,
  );
});

Deno.test("a process that is not there is said so", () => {
  assertThrows(() => openCprState(999_999_999), InspectError, "find process");
});

Deno.test("a stream is read from an offset on, with what counts from there", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x`;
    const before = new Uint8Array(4096).fill(9);
    await Deno.writeFile(path, Uint8Array.of(...before, 1, 2));
    using input = await openInput(path, { start: before.length });
    assertEquals([input.start, [...input.bytes]], [4096, [1, 2]]);
    await assertRejects(
      () => openInput(path, { start: 4099 }),
      InspectError,
      `Cannot read "${path}" from offset 4099 on: it has 4098 bytes`,
    );
    await Deno.truncate(path, LARGE);
    using large = await openInput(path, { start: 4096 });
    assertEquals([large.bytes.length, large.bytes[1]], [LARGE - 4096, 2]);
    large.passed(LARGE - 4096);
    assertEquals(large.bytes[0], 1);
  }));

Deno.test("the first bytes of a pipe are passed over", () =>
  piped(
    "head -c 2000000 /dev/zero; printf 'QEVM123'",
    (bytes) => assertEquals(new TextDecoder().decode(bytes), "QEVM123"),
    2_000_000,
  ));
