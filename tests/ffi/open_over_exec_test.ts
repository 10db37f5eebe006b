import { assertEquals, assertThrows } from "@std/assert";
import { OsError } from "../../ffi/libc.ts";
import { canKeepOpen, keepOpenOverExec } from "../../ffi/open_over_exec.ts";
import { readFdinfo } from "../../lib/proc/fdinfo.ts";
import { runCprctl } from "../../testing/program/program.ts";
import { until } from "../../testing/program/until.ts";

const ignore = Deno.uid() !== 0 || !canKeepOpen;
const PATIENCE_MS = 30_000;
const TIMES = 200;

/** A process that waits in ppoll, and what it waits with. */
async function waiting() {
  const program = new URL("programs/wait_in_ppoll.ts", import.meta.url);
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--allow-all", program.pathname],
    stdout: "piped",
  }).spawn();
  const { pid } = child;
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  const numbers = new TextDecoder().decode(value).trim().split(" ").map(Number);
  const call = () => Deno.readTextFileSync(`/proc/${pid}/syscall`);
  await until("it waits", PATIENCE_MS, () => call().startsWith("271 "));
  return {
    ...{ pid, numbers, call },
    closesOnExec: () =>
      Promise.all(
        numbers.map(async (it) => (await readFdinfo(pid, it))?.closesOnExec),
      ),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await reader.cancel();
      await child.status;
    },
  };
}

Deno.test({
  name: "descriptors of another process stay open, and it waits on",
  ignore,
  async fn() {
    await using process = await waiting();
    const { pid, numbers, call } = process;
    const before = call();
    assertEquals(await process.closesOnExec(), [true, true]);
    for (let time = 0; time < TIMES; time++) keepOpenOverExec(pid, numbers);
    assertEquals(await process.closesOnExec(), [false, false]);
    // The same arguments, stack and instruction.
    await until("it waits again", PATIENCE_MS, () => call() === before);
  },
});

Deno.test({
  name: "a descriptor that is not open is told, and the process waits on",
  ignore,
  async fn() {
    await using process = await waiting();
    const before = process.call();
    const { code } = assertThrows(
      () => keepOpenOverExec(process.pid, [99]),
      OsError,
    );
    assertEquals(code, "EBADF");
    await until("it waits", PATIENCE_MS, () => process.call() === before);
  },
});

Deno.test({
  name: "a process that does not wait in ppoll is left as it is",
  ignore,
  async fn() {
    const child = new Deno.Command("cat", { stdin: "piped", stdout: "piped" })
      .spawn();
    const { code, stderr } = await runCprctl([
      "keep-open",
      `${child.pid}`,
      "0",
    ]);
    assertEquals(code !== 0, true);
    assertEquals(/ETIMEDOUT/.test(stderr), true, stderr);
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode("still there"));
    await writer.close();
    const { code: ended, stdout } = await child.output();
    assertEquals([ended, new TextDecoder().decode(stdout)], [0, "still there"]);
  },
});
