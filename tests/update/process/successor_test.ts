import { assertEquals } from "@std/assert";
import { readExecutable } from "../../../lib/proc/executable.ts";
import { successorOf } from "../../../lib/update/process/successor.ts";
import { until } from "../../../testing/program/until.ts";

const NAME = "qemu-system-x86_64";

/** Starts a program by a link in a folder, which then leads to another one. */
async function moved(word: (folder: string) => string): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-test-" });
  try {
    for (const version of ["old", "new"]) {
      await Deno.mkdir(`${folder}/${version}`);
      await Deno.copyFile("/bin/sleep", `${folder}/${version}/${NAME}`);
    }
    await Deno.symlink(`${folder}/old/${NAME}`, `${folder}/qemu`);
    await Deno.symlink(`${folder}/new/${NAME}`, `${folder}/next`);
    const argv = [word(folder), "60"];
    await using child = new Deno.Command("/bin/sh", {
      args: ["-c", 'PATH=$PWD; exec "$@"', "sh", ...argv],
      cwd: folder,
    }).spawn();
    const old = `${folder}/old/${NAME}`;
    await until(
      "the program is executed",
      10_000,
      async () => (await readExecutable(child.pid)).path === old,
    );
    const executable = await readExecutable(child.pid);
    assertEquals(await successorOf(child.pid, argv, executable), old);
    await Deno.rename(`${folder}/next`, `${folder}/qemu`);
    const successor = await successorOf(child.pid, argv, executable);
    child.kill("SIGKILL");
    return successor.replace(folder, "FOLDER");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a link leads to the successor, absolute or not", async () => {
  assertEquals(await moved((folder) => `${folder}/qemu`), "FOLDER/qemu");
  assertEquals(await moved(() => "./qemu"), "FOLDER/qemu");
  assertEquals(await moved(() => "new//../qemu"), "FOLDER/new/../qemu");
});

Deno.test("what a name in PATH leads to now is not guessed", async () => {
  assertEquals(await moved(() => "qemu"), `FOLDER/old/${NAME}`);
});
