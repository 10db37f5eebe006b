import {
  assertEquals,
  assertNotMatch,
  assertStringIncludes,
} from "@std/assert";
import { toText } from "@std/streams";
import { cprctlWords, runCprctl } from "../../testing/program/program.ts";

Deno.test("the exit code is that of the command", async () => {
  assertEquals((await runCprctl(["version"])).code, 0);
  const wrong = await runCprctl(["no-such-command"]);
  assertEquals(wrong.code, 2);
  assertEquals(wrong.stdout, "");
  assertNotMatch(wrong.stderr, /^\s+at /m);
});

Deno.test("exec and machine read their words themselves", async () => {
  for (const command of ["exec", "machine"]) {
    const help = await runCprctl([command, "--help"]);
    assertEquals([help.code, help.stderr], [0, ""]);
    assertStringIncludes(help.stdout, `cprctl ${command}`);
    assertEquals((await runCprctl(["help", command])).stdout, help.stdout);
    const wrong = await runCprctl([command, "-no-such-option"]);
    assertEquals([wrong.code, wrong.stdout], [2, ""]);
    assertStringIncludes(wrong.stderr, '"-no-such-option"');
  }
});

Deno.test("a reader that went away is no failure", async () => {
  // The shell starts cprctl only when the pipe's other end is closed for sure.
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", 'read -r _; exec "$@"', "sh", ...cprctlWords(), "schema"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(30_000),
  }).spawn();
  await child.stdout.cancel();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode("go\n"));
  await writer.close();
  const stderr = await toText(child.stderr);
  assertEquals(await child.status, { success: true, code: 0, signal: null });
  assertEquals(stderr, "");
});

Deno.test("a full disk under the output is said in words", async () => {
  const child = new Deno.Command("/bin/sh", {
    args: ["-c", 'exec "$@" > /dev/full', "sh", ...cprctlWords(), "version"],
    signal: AbortSignal.timeout(30_000),
  });
  const { code, stderr } = await child.output();
  assertEquals(code, 1);
  assertEquals(
    new TextDecoder().decode(stderr),
    "error: Cannot write to standard output: No space left on device\n" +
      "  try: Free some space or write elsewhere; the command itself has finished\n",
  );
});
