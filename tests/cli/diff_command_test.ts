import { assertEquals, assertStringIncludes } from "@std/assert";
import { dispatch } from "../../lib/cli/dispatch.ts";
import { data, virtioState } from "../../testing/data/data.ts";
import { inFolder } from "../inspect/folder.ts";
import { withRam } from "../../testing/streams/streams.ts";
import {
  configuration,
  device,
  deviceStream,
  EOF,
  EOS,
  HEADER,
  joined,
  oneBlock,
  ramPart,
  ramStart,
  word,
} from "../../testing/streams/foreign.ts";
import { capturedProcess } from "../../testing/program/captured.ts";

/** Runs `cprctl diff` on two files; FOLDER stands for where they are. */
async function diff(
  old: Uint8Array,
  now: Uint8Array,
  ...words: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const process = capturedProcess();
  let code = -1;
  let where = "";
  await inFolder(async (folder) => {
    where = folder;
    await Deno.writeFile(`${folder}/old`, old);
    await Deno.writeFile(`${folder}/new`, now);
    const files = [`${folder}/old`, `${folder}/new`];
    code = await dispatch(["diff", ...files, ...words], process);
  });
  const { stdout, stderr } = process.written;
  return {
    code,
    stdout: stdout.replaceAll(where, "FOLDER"),
    stderr: stderr.replaceAll(where, "FOLDER"),
  };
}

Deno.test("nothing is printed where nothing differs", async () => {
  assertEquals(await diff(withRam(), withRam()), {
    code: 0,
    stdout: "",
    stderr: "",
  });
  const { code, stdout } = await diff(withRam(), withRam(), "--json");
  assertEquals([code, JSON.parse(stdout).same], [0, true]);
});

Deno.test("a page is written as well, and not over a state", async () => {
  const now = withRam();
  now[now.lastIndexOf(5, now.lastIndexOf(0x7e))] = 12;
  const plain = await diff(withRam(), now);
  await inFolder(async (folder) => {
    const path = `${folder}/diff.html`;
    const { code, stdout } = await diff(withRam(), now, "--report", path);
    assertEquals([code, stdout], [1, plain.stdout]);
    assertStringIncludes(await Deno.readTextFile(path), "1 section differs");
    assertEquals((Deno.statSync(path).mode ?? 0) & 0o777, 0o600);
    await Deno.writeFile(path, now);
    const process = capturedProcess();
    const words = ["diff", path, path, "--report", path];
    assertEquals(await dispatch(words, process), 2);
    assertEquals(await Deno.readFile(path), now);
  });
});

Deno.test("what differs is printed, and the exit code is 1", async (t) => {
  const old = await data("cpr-exec-q35-plain.vm.state");
  const { code, stdout } = await diff(
    old,
    await data("cpr-transfer-q35-main.stream"),
  );
  assertEquals(code, 1);
  await t.assertSnapshot(stdout);
  const now = withRam();
  now[now.lastIndexOf(0x5a)] = 1;
  await t.assertSnapshot((await diff(withRam(), now)).stdout);
  const apart = await diff(withRam(), now, "--ignore", "ram");
  assertEquals([apart.code, apart.stdout], [0, ""]);
  const none = await diff(withRam(), now, "--section", "never");
  assertEquals(none.code, 2);
  assertStringIncludes(none.stderr, 'Cannot find section "never"');
  const json = await diff(withRam(), now, "--json");
  assertEquals([json.code, JSON.parse(json.stdout).same], [1, false]);
});

Deno.test("flags that changed are named, and so are values", async () => {
  const field = { name: "virtio", type: "virtio" };
  const state = await virtioState("pci-net.bin");
  const stream = (...changes: [at: number, byte: number][]) => {
    const bytes = Uint8Array.from(state);
    for (const [at, byte] of changes) bytes[at] = byte;
    return deviceStream(bytes, device([{ ...field, size: bytes.length }]));
  };
  const [command, subclass] = [8, 14];
  const [vector, status] = [341, 343];
  const { stdout } = await diff(
    stream([command, 3]),
    stream(
      [command, 6],
      [subclass, 0x80],
      [vector, 0],
      [vector + 1, 1],
      [status, 3],
    ),
  );
  assertEquals(stdout.split("\n").slice(1), [
    "  ~ virtio.config.command  0x3 → 0x6 (+bus master, -I/O)",
    "  ~ virtio.config.class    0x200: Ethernet → 0x280: network",
    "  ~ virtio.config_vector   0xffff: none → 0x1",
    "  ~ virtio.status          0x0 → 0x3 (+ACKNOWLEDGE, +DRIVER)",
    "",
  ]);
});

/** A stream of one section, "dev", with a buffer. */
function withBuffer(bytes: Uint8Array): Uint8Array {
  const text = { name: "text", type: "buffer", size: bytes.length };
  return deviceStream(bytes, device([text]));
}

Deno.test("bytes that differ are printed: as text, or each by its position", async () => {
  const text = (words: string) =>
    withBuffer(new TextEncoder().encode(words.padEnd(32, "\0")));
  assertEquals(
    (await diff(text("prelaunch"), text("running"))).stdout,
    '~ dev 0\n  ~ text  "prelaunch" → "running"\n',
  );
  const bytes = (...positions: number[]) =>
    withBuffer(
      Uint8Array.from({ length: 16 }, (_, at) =>
        positions.includes(at) ? 0x80 : 1),
    );
  assertEquals(
    (await diff(bytes(), bytes(2, 7))).stdout,
    "~ dev 0\n  ~ text  byte 2: 01 → 80, 7: 01 → 80\n",
  );
  assertStringIncludes(
    (await diff(bytes(), bytes(...Array(9).keys()))).stdout,
    "6: 01 → 80, 7: 01 → 80, and 1 more; --json prints all 16 bytes\n",
  );
});

/** A stream with a page that only zlib can read. */
function compressed(): Uint8Array {
  return joined(
    HEADER,
    configuration(),
    ramStart(joined(oneBlock("r", 4096), EOS)),
    ramPart(joined(word(0x100), [1, 0x72], [0, 0, 0, 2], [1, 2], EOS)),
    EOF,
  );
}

Deno.test("what cannot be compared ends with exit code 2", async () => {
  const broken = withRam();
  broken[broken.lastIndexOf(0x7e)] = 0;
  const { code, stdout, stderr } = await diff(withRam(), broken);
  assertEquals([code, stdout], [2, ""]);
  assertStringIncludes(stderr, 'section "dev" instance 0 at offset');
  assertStringIncludes(stderr, ' of "FOLDER/new": ');
  const zlib = await diff(compressed(), compressed());
  assertEquals([zlib.code, zlib.stdout], [
    2,
    "~ RAM r\n  ~ pages cannot be compared\n",
  ]);
  assertEquals((await diff(withRam(), new Uint8Array(0))).code, 2);
  assertEquals((await diff(withRam(), withRam(), "third")).code, 2);
});
