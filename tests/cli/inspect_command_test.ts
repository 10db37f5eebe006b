import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { dispatch } from "../../lib/cli/dispatch.ts";
import { qcow2 } from "../../testing/streams/qcow2.ts";
import { data } from "../../testing/data/data.ts";
import { joined } from "../../testing/streams/foreign.ts";
import {
  everyType,
  postcopy,
  withOpaque,
  withRam,
} from "../../testing/streams/streams.ts";
import { capturedProcess } from "../../testing/program/captured.ts";

/** Runs cprctl in a folder with these files; FOLDER stands for its path. */
async function cprctl(
  files: Readonly<Record<string, Uint8Array>>,
  ...words: string[]
) {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-test-" });
  try {
    for (const [name, bytes] of Object.entries(files)) {
      await Deno.writeFile(`${folder}/${name}`, bytes);
    }
    const process = capturedProcess();
    const code = await dispatch(
      words.map((word) => word.replace("FOLDER", folder)),
      process,
    );
    const { stdout, stderr } = process.written;
    return {
      code,
      stdout: stdout.replaceAll(folder, "FOLDER"),
      stderr: stderr.replaceAll(folder, "FOLDER"),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const inspect = (bytes: Uint8Array, ...words: string[]) =>
  cprctl({ "vm.state": bytes }, "inspect", "FOLDER/vm.state", ...words);

Deno.test("without a file or a process there is nothing to inspect", async () => {
  assertEquals(await cprctl({}, "inspect"), {
    code: 2,
    stdout: "",
    stderr: "error: No input was given\n" +
      "  try: Name a state file, or a process with --pid\n",
  });
});

Deno.test("a stream is drawn as a tree", async (t) => {
  const { code, stdout, stderr } = await inspect(withRam());
  assertEquals([code, stderr], [0, ""]);
  await t.assertSnapshot(stdout);
  await t.assertSnapshot((await inspect(everyType(), "--offsets")).stdout);
});

Deno.test("what nothing describes is drawn by its bytes and place", async (t) => {
  const parts = await inspect(withOpaque());
  await t.assertSnapshot(parts.stdout);
  const rich = await data("cpr-exec-pc-rich.vm.state");
  const slirp = await inspect(rich, "--section", "slirp");
  assertStringIncludes(slirp.stdout, "  not described  131 bytes, all 0\n");
  const cut = await inspect(rich.slice(0, -1), "--section", "slirp");
  assertEquals([cut.code, cut.stdout], [1, slirp.stdout]);
  const summary = await inspect(rich.slice(0, -1));
  assertStringIncludes(summary.stdout, "  description   not reached\n");
});

Deno.test("one section is drawn alone", async (t) => {
  const bytes = await data("cpr-exec-pc-rich.vm.state");
  const { code, stdout } = await inspect(bytes, "--section", "cpu_common:1");
  assertEquals(code, 0);
  await t.assertSnapshot(stdout);
  const missing = await inspect(bytes, "--section", "cpu:9");
  assertEquals([missing.code, missing.stdout], [1, ""]);
  assertStringIncludes(missing.stderr, 'Cannot find section "cpu:9"');
});

Deno.test("a PCI address stands for the sections of its device", async () => {
  const bytes = await data("cpr-exec-pc-rich.vm.state");
  const names = async (section: string) => {
    const words = ["--section", section, "--json"];
    const { stdout } = await inspect(bytes, ...words);
    const { sections } = JSON.parse(stdout);
    return sections?.map(({ name }: { name: string }) => name);
  };
  const blk = ["0000:00:03.0/virtio-blk"];
  assertEquals(await names("0000:00:03.0"), blk);
  assertEquals(await names("00:03.0"), blk);
  assertEquals(await names("00:03.0,virtio-blk"), blk);
  assertEquals(await names("03.0"), undefined);
  assertEquals(await names("cpu:1"), ["cpu"]);
});

Deno.test("fields are found by their path or value, in whatever case", async () => {
  const bytes = await data("cpr-exec-pc-rich.vm.state");
  const found = async (...words: string[]) => {
    const { code, stdout, stderr } = await inspect(bytes, ...words);
    assertEquals([code, stderr], [0, ""], words.join(" "));
    return stdout.trimEnd().split("\n");
  };
  assertEquals(await found("--section", "cpu:1", "--grep", "CLOCK_msr"), [
    "cpu:1  env.wall_clock_msr  0",
  ]);
  assertEquals(
    await found("--section", "virtio-blk", "--grep", "[0].num", "--offsets"),
    ["17772  0000:00:03.0/virtio-blk:0  virtio.queues[0].num  256 (0x100)"],
  );
  for (const line of await found("--grep", "not armed")) {
    assert(line.endsWith("  not armed"), line);
  }
  const none = await inspect(bytes, "--grep", "absent");
  assertEquals([none.code, none.stdout], [1, ""]);
  assertStringIncludes(none.stderr, 'Cannot find "absent" in any field');
  const json = await inspect(bytes, "--grep", "msr", "--json");
  assertEquals(json.code, 2);
  assertStringIncludes(json.stderr, "Cannot combine --grep and --json");
});

Deno.test("fields are found by their path, and bytes are dumped", async () => {
  const { code, stdout } = await inspect(everyType(), "--field", "raw,small");
  assertEquals([code, stdout.split("\n").slice(0, 3)], [0, [
    "dev:0  small  -2",
    "dev:0  raw    2 bytes",
    `  0000004a  ca fe${" ".repeat(42)}  |..|`,
  ]]);
  const none = await inspect(everyType(), "--field", "no");
  assertStringIncludes(none.stderr, 'Cannot find a field "no"');
});

Deno.test("a page is dumped with what it comes from", async () => {
  const { code, stdout } = await inspect(withRam(), "--page", "ram0:0x2010");
  assertEquals([code, stdout.split("\n").slice(0, 5)], [0, [
    "ram0 at 0x2000  4096 bytes",
    "  page at offset 4216, replaced later",
    "  zero page at offset 12424",
    "",
    `  00002000  ${"00 ".repeat(16)} |${".".repeat(16)}|`,
  ]]);
  for (const wrong of ["ram0", ":1", "ram0:", "ram0:x"]) {
    assertEquals((await inspect(withRam(), "--page", wrong)).code, 2, wrong);
  }
  const state = await data("cpr-exec-q35-plain.qcpr");
  assertEquals((await inspect(state, "--page", "ram0:0")).code, 2);
});

Deno.test("a changed copy is written to a new file", async () => {
  const words = ["--set", "x=0x10", "--output", "FOLDER/new"];
  const { code, stdout, stderr } = await inspect(withRam(), ...words);
  const place = withRam().lastIndexOf(5, withRam().lastIndexOf(0x7e));
  assertEquals([code, stderr, stdout], [
    0,
    "",
    `dev:0  x  5 → 16 (0x10), at offset ${place} of "FOLDER/new"\n`,
  ]);
  const over = ["--set", "x=1", "--output", "FOLDER/vm.state"];
  const refused = await inspect(withRam(), ...over);
  assertEquals([refused.code, refused.stdout], [1, ""]);
  assertStringIncludes(refused.stderr, "no file is replaced");
  for (
    const wrong of [
      ["--set", "x=1"],
      ["--output", "FOLDER/new"],
      ["--set", "x", "--output", "FOLDER/new"],
      [...words, "--json"],
    ]
  ) assertEquals((await inspect(withRam(), ...wrong)).code, 2, wrong.join(" "));
  const state = await data("cpr-exec-q35-plain.qcpr");
  assertEquals((await inspect(state, ...words)).code, 2);
});

Deno.test("a page is written in place of the text, and not over the stream", async () => {
  const { code, stdout, stderr } = await inspect(
    withRam(),
    ...["--report", "FOLDER/vm.html"],
  );
  assertEquals([code, stdout, stderr], [0, "", ""]);
  const over = await inspect(withRam(), "--report", "FOLDER/vm.state");
  assertEquals([over.code, over.stdout], [2, ""]);
  assertStringIncludes(over.stderr, "Cannot write the report over");
  const two = await inspect(withRam(), "--report", "FOLDER/x", "--json");
  assertEquals(two.code, 2);
});

Deno.test("so many lines are shown, and no more", async () => {
  const all = await inspect(withRam());
  const few = await inspect(withRam(), "--limit", "3");
  assertEquals(
    few.stdout,
    `${all.stdout.split("\n").slice(0, 3).join("\n")}\n` +
      "… and more (--limit 3)\n",
  );
  assertEquals((await inspect(withRam(), "--limit", "0")).code, 2);
  const whole = await inspect(withRam(), "--limit", "1000");
  assertEquals(whole.stdout, all.stdout);
});

Deno.test("a stream is described without its values", async () => {
  const words = ["--desc", "--section", "dev"];
  const { code, stdout } = await inspect(everyType(), ...words);
  assertEquals(code, 0);
  assertStringIncludes(stdout, "dev 0: dev, version 1\n  flag: bool, 1 byte\n");
  const none = await inspect(postcopy(), "--desc");
  assertStringIncludes(none.stderr, "it has no vmdesc");
  const two = await inspect(everyType(), "--desc", "--json");
  assertStringIncludes(two.stderr, "Cannot combine --desc and --json");
  const state = await data("cpr-exec-q35-plain.qcpr");
  assertEquals((await inspect(state, "--desc")).code, 2);
});

Deno.test("CPR state is drawn as a table", async (t) => {
  const bytes = await data("cpr-exec-q35-plain.qcpr");
  const { code, stdout } = await inspect(bytes);
  assertEquals(code, 0);
  await t.assertSnapshot(stdout);
});

Deno.test("the JSON is one document", async () => {
  const { code, stdout } = await inspect(withRam(), "--json");
  assertEquals(code, 0);
  const { file, size, format, sections } = JSON.parse(stdout);
  assertEquals([file, size, format], [
    "FOLDER/vm.state",
    withRam().length,
    "migration-stream",
  ]);
  assertEquals(sections.length, 2);
});

Deno.test("a broken stream is shown up to the problem", async (t) => {
  const broken = withRam();
  broken[broken.lastIndexOf(0x7e)] = 0;
  const { code, stdout, stderr } = await inspect(broken);
  assertEquals(code, 1);
  assertStringIncludes(stdout, "ram0");
  await t.assertSnapshot(stderr);
  const json = await inspect(broken, "--json");
  assertEquals([json.code, json.stderr], [1, stderr]);
  assert("error" in JSON.parse(json.stdout));
});

Deno.test("a name that speaks to the terminal does not reach it", async () => {
  const evil = withRam();
  evil.set(new TextEncoder().encode("\u001b[2J"), evil.indexOf(0x72) + 0);
  const { stdout, stderr } = await inspect(evil);
  assert(!(stdout + stderr).includes("\u001b"));
});

Deno.test("it must be said what to look into", async () => {
  for (const words of [[], ["FOLDER/x", "--pid", "1"], ["--pid", "0"]]) {
    const { code, stdout } = await cprctl({}, "inspect", ...words);
    assertEquals([code, stdout], [2, ""], words.join(" "));
  }
});

Deno.test("a stream is verified", async () => {
  const bytes = withRam();
  const { code, stdout } = await inspect(bytes, "--verify");
  assertEquals(code, 0);
  assertEquals(
    stdout,
    `verified: FOLDER/vm.state: all ${bytes.length} bytes are encoded ` +
      "back unchanged\n",
  );
  const json = await inspect(bytes, "--verify", "--json");
  assertEquals(JSON.parse(json.stdout).verified, {
    bytes: bytes.length,
    not_understood: 0,
    not_understood_in: [],
  });
  const { stdout: said } = await inspect(withOpaque(), "--verify");
  assertStringIncludes(said, "\n  dirty-bitmap 0: 9 bytes\n");
});

Deno.test("nothing is done where a part of it cannot be", async () => {
  const words = ["--extract-ram", "FOLDER/ram", "--section", "cpu:7"];
  const { code, stdout, stderr } = await inspect(withRam(), ...words);
  assertEquals([code, stdout], [1, ""]);
  assertStringIncludes(stderr, 'Cannot find section "cpu:7"');
  const files = { "vm.state": withRam(), "ram": Uint8Array.of(1) };
  // With the file in the way, making the folder would have failed first.
  const first = await cprctl(files, "inspect", "FOLDER/vm.state", ...words);
  assertEquals(first.stderr, stderr);
  const state = await data("cpr-exec-q35-plain.qcpr");
  assertEquals((await inspect(state, "--section", "foo")).code, 2);
});

Deno.test("with --json there is one document, whatever goes wrong", async () => {
  const broken = withRam();
  broken[broken.lastIndexOf(0x7e)] = 0;
  const state = await data("cpr-exec-q35-plain.qcpr");
  const cases: [Uint8Array, string[], string][] = [
    [broken, ["--verify"], "missing section footer"],
    [broken, ["--extract-ram", "FOLDER/ram"], "missing section footer"],
    [
      withRam(),
      ["--extract-ram", "FOLDER/vm.state"],
      "Cannot create directory",
    ],
    [withRam(), ["--section", "cpu:7"], 'Cannot find section "cpu:7"'],
    [state.slice(0, 40), [], "CPR state is malformed at offset"],
    [Uint8Array.of(1), [], "neither a migration stream nor CPR state"],
  ];
  for (const [bytes, words, message] of cases) {
    const { code, stdout, stderr } = await inspect(bytes, "--json", ...words);
    assertEquals(code, 1);
    const { schema, file, error } = JSON.parse(stdout);
    assertEquals([schema, file], [1, "FOLDER/vm.state"]);
    assertStringIncludes(error.message, message);
    assertStringIncludes(stderr, `error: ${error.message}\n`);
  }
});

Deno.test("guest memory is written into a folder", async () => {
  const words = ["--extract-ram", "FOLDER/ram"];
  const { code, stdout } = await inspect(withRam(), ...words);
  assertEquals(code, 0);
  assertEquals(
    stdout,
    'ram0: 16 KiB in "FOLDER/ram/ram0", 4 KiB written\n' +
      '/rom@etc/x: 8 KiB in "FOLDER/ram/_rom@etc_x", 4 KiB written\n',
  );
  const json = await inspect(withRam(), ...words, "--json");
  assertEquals(JSON.parse(json.stdout).extracted.length, 2);
  const state = await data("cpr-exec-q35-plain.qcpr");
  assertEquals((await inspect(state, ...words)).code, 2);
});

Deno.test("a stream is inspected from an offset on", async () => {
  const bytes = joined(new Uint8Array(512), withRam());
  const { code, stdout } = await inspect(bytes, "--offset", "0x200", "--json");
  assertEquals(code, 0);
  assertEquals(JSON.parse(stdout).size, withRam().length);
  assertStringIncludes((await inspect(bytes)).stderr, "give --offset 512");
  for (const wrong of ["-1", "1.5", "x", ""]) {
    assertEquals((await inspect(bytes, "--offset", wrong)).code, 2, wrong);
  }
});

Deno.test("a snapshot in a qcow2 image is inspected by its name", async () => {
  const state = withRam();
  const image = qcow2([{ name: "a", state }, { name: "b", state }]);
  const { stdout } = await inspect(image, "--snapshot", "b", "--json");
  assertEquals(JSON.parse(stdout).size, state.length);
  assertStringIncludes((await inspect(image)).stderr, "--snapshot: a, b");
});

Deno.test("memory is not extracted to a folder without a name", async () => {
  assertEquals((await inspect(withRam(), "--extract-ram", "")).code, 2);
});
