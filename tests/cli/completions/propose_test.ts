import { assertEquals } from "@std/assert";
import { PROPOSE_WORD } from "../../../lib/cli/completion_scripts.ts";
import { dispatch } from "../../../lib/cli/dispatch.ts";
import { wholeProgram } from "../../../lib/cli/program.ts";
import { Lab } from "../../../testing/machine/mod.ts";
import { capturedProcess } from "../../../testing/program/captured.ts";

const PROGRAM = await wholeProgram();

async function proposed(...words: string[]): Promise<string[]> {
  const process = capturedProcess();
  assertEquals(await dispatch([PROPOSE_WORD, ...words], process), 0);
  return process.written.stdout.split("\n").slice(0, -1)
    .map((line) => line.split("\t", 1)[0] ?? "");
}

Deno.test("commands, and what they do", async () => {
  assertEquals(
    await proposed(""),
    PROGRAM.commands.map(({ name }) => name),
  );
  assertEquals(await proposed("re"), ["recover"]);
  assertEquals(await proposed("help", "ve"), ["version"]);
  assertEquals(await proposed("completions", ""), ["bash", "zsh", "fish"]);
  assertEquals(await proposed("no-such-command", ""), []);
  const process = capturedProcess();
  await dispatch([PROPOSE_WORD, "rec"], process);
  assertEquals(
    process.written.stdout,
    "recover\tFinish updates that were interrupted\n",
  );
});

Deno.test("options, where no file is meant", async () => {
  assertEquals(await proposed("version", ""), [
    "--json",
    "--licences",
  ]);
  assertEquals(await proposed("update", "--max-f"), ["--max-failures"]);
  assertEquals(await proposed("inspect", ""), []);
  assertEquals(await proposed("inspect", "--off"), [
    "--offset",
    "--offsets",
  ]);
  assertEquals(await proposed("update", "--binary", ""), []);
  assertEquals(await proposed("exec", "--", ""), []);
  assertEquals(await proposed("exec", "--", "-"), []);
  assertEquals(await proposed("exec", "--"), ["--log", "--help"]);
  assertEquals(await proposed("machine", "-s"), ["-serial"]);
});

Deno.test("the sockets and names of this host's VMs", async () => {
  await using lab = await Lab.open();
  const name = `to-complete-${crypto.randomUUID()}`;
  const vm = lab.start({ more: ["-name", name] });
  await (await vm.connect()).close();

  assertEquals(await proposed("update", "--all", name.slice(0, 20)), [name]);
  assertEquals(await proposed("check", "--qmp", lab.folder), [
    vm.qmpPath,
  ]);
  assertEquals(await proposed("inspect", "--pid", `${vm.pid}`), [`${vm.pid}`]);
});
