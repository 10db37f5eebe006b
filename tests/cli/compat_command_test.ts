import { assertEquals, assertStringIncludes } from "@std/assert";
import { dispatch } from "../../lib/cli/dispatch.ts";
import { data } from "../../testing/data/data.ts";
import { dumpText, field, type Member, vmsd } from "../inspect/compat/dumps.ts";
import { capturedProcess } from "../../testing/program/captured.ts";

const encoder = new TextEncoder();

const dump = (types: Readonly<Record<string, Member>>, machine?: string) =>
  encoder.encode(dumpText(types, machine));

const PORTS = [field("level"), field("mask", { num: 2 })];

const OLD = dump({
  uart: vmsd("uart", PORTS, { version_id: 3 }),
  "uart-pci": vmsd("uart", PORTS, { version_id: 3 }),
  rtc: vmsd("rtc", [field("base")]),
});
const NEW = dump({
  uart: vmsd("uart", [PORTS[0] ?? {}], { version_id: 2 }),
  "uart-pci": vmsd("uart", PORTS, { version_id: 2 }),
});
const DOUBTFUL = dump({
  uart: vmsd("uart", [...PORTS, field("more")], { version_id: 3 }),
  "uart-pci": vmsd("uart", PORTS, { version_id: 3 }),
  rtc: vmsd("rtc", [field("base")]),
}, "box-2.0");

/** Compares files; a word that ends in .json or .state is one of them. */
async function compat(
  files: Readonly<Record<string, Uint8Array>>,
  ...words: string[]
) {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-test-" });
  try {
    for (const [name, bytes] of Object.entries(files)) {
      await Deno.writeFile(`${folder}/${name}`, bytes, { mode: 0o644 });
    }
    const process = capturedProcess();
    const code = await dispatch(
      ["compat", ...words.map((it) => it in files ? `${folder}/${it}` : it)],
      process,
    );
    const { stdout, stderr } = process.written;
    return {
      code,
      stdout: stdout.replaceAll(`${folder}/`, ""),
      stderr: stderr.replaceAll(`${folder}/`, ""),
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const FILES = { "old.json": OLD, "new.json": NEW, "doubtful.json": DOUBTFUL };

Deno.test("a state that would be loaded ends with 0", async () => {
  const { code, stdout, stderr } = await compat(FILES, "old.json", "old.json");
  assertEquals([code, stderr], [0, ""]);
  assertEquals(
    stdout,
    "old.json: nothing found that prevents it from loading the state of old.json\n",
  );
});

Deno.test("a state that would be refused ends with 3", async (t) => {
  const { code, stdout, stderr } = await compat(FILES, "old.json", "new.json");
  assertEquals([code, stderr], [3, ""]);
  await t.assertSnapshot(stdout);
});

Deno.test("a state that may not be loaded ends with 1", async (t) => {
  const { code, stdout, stderr } = await compat(
    FILES,
    ...["old.json", "doubtful.json"],
  );
  assertEquals([code, stderr], [1, ""]);
  await t.assertSnapshot(stdout);
});

Deno.test("the JSON has every finding", async (t) => {
  const { code, stdout } = await compat(
    FILES,
    ...["old.json", "new.json", "--json"],
  );
  assertEquals(code, 3);
  assertEquals(JSON.parse(stdout).verdict, "refused");
  await t.assertSnapshot(stdout);
});

Deno.test("with a stream, what is not in it does not count", async (t) => {
  const files = {
    ...FILES,
    "vm.state": await data("cpr-exec-q35-plain.vm.state"),
    "q35.json": await data("dump-vmstate-q35-11.1.2.json"),
  };
  const words = ["old.json", "new.json", "--stream", "vm.state"];
  const other = await compat(files, ...words);
  assertEquals([other.code, other.stderr], [0, ""]);
  assertStringIncludes(
    other.stdout,
    "2 more concern devices that this VM does not have",
  );
  const { findings } = JSON.parse(
    (await compat(files, ...words, "--json")).stdout,
  );
  assertEquals(findings.map(({ hit }: { hit: boolean }) => hit), [
    ...[false, false],
  ]);

  const text = new TextDecoder().decode(files["q35.json"]);
  const next = JSON.parse(text);
  next["ICH9-LPC"].Description.version_id = 0;
  const refused = await compat(
    { ...files, "next.json": encoder.encode(JSON.stringify(next)) },
    ...["q35.json", "next.json", "--stream", "vm.state"],
  );
  assertEquals(refused.code, 3);
  await t.assertSnapshot(refused.stdout);
});

Deno.test("what cannot be compared is said", async (t) => {
  const files = {
    ...FILES,
    "cpr.qcpr": await data("cpr-exec-q35-plain.qcpr"),
  };
  const cases: readonly (readonly [code: number, ...words: string[]])[] = [
    [2, "old.json"],
    [2, "old.json", "new.json", "--stream", "x", "--qmp", "y"],
    [1, "old.json", "cpr.qcpr"],
    [1, "old.json", "new.json", "--stream", "cpr.qcpr"],
    [1, "old.json", "/nonexistent"],
  ];
  for (const [code, ...words] of cases) {
    const ended = await compat(files, ...words);
    assertEquals([ended.code, ended.stdout], [code, ""], words.join(" "));
    await t.assertSnapshot(ended.stderr);
  }
});
