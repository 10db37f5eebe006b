import { assertEquals, assertThrows } from "@std/assert";
import { createMemfd } from "../../ffi/memfd.ts";
import { CPR_EXEC_STATE } from "../../lib/cpr/mod.ts";
import {
  inspect,
  InspectError,
  openCprState,
  openInput,
} from "../../lib/inspect/mod.ts";
import { data } from "../data/data.ts";
import { inFolder } from "./folder.ts";

const LARGE = 65 * 1024 * 1024;

Deno.test("a file is read from its start to its end", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x`;
    await Deno.writeFile(path, Uint8Array.of(1, 2, 3));
    using input = openInput(path);
    assertEquals([input.name, [...input.bytes]], [path, [1, 2, 3]]);
  }));

Deno.test("a large file is mapped, and its memory given back", () =>
  inFolder(async (folder) => {
    const path = `${folder}/x`;
    await Deno.writeFile(path, Uint8Array.of(7));
    await Deno.truncate(path, LARGE);
    using input = openInput(path);
    assertEquals([input.bytes.length, input.bytes[0]], [LARGE, 7]);
    input.passed(LARGE);
    input.passed(5);
    assertEquals(input.bytes[0], 7);
  }));

Deno.test("a FIFO is read to its end", () =>
  inFolder(async (folder) => {
    const path = `${folder}/fifo`;
    const script = 'mkfifo "$0" && (printf abc > "$0" &)';
    const { success } = await new Deno.Command("/bin/sh", {
      args: ["-c", script, path],
      stdout: "null",
      stderr: "null",
      signal: AbortSignal.timeout(10_000),
    }).output();
    assertEquals(success, true);
    using input = openInput(path);
    assertEquals(new TextDecoder().decode(input.bytes), "abc");
  }));

Deno.test("what cannot be read is said with its reason", () =>
  inFolder((folder) => {
    assertThrows(() => openInput(`${folder}/no`), InspectError, "(ENOENT)");
    assertThrows(() => openInput(folder), InspectError, "(EISDIR)");
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
});

Deno.test("a process that is not there is said so", () => {
  assertThrows(() => openCprState(999_999_999), InspectError, "find process");
});
