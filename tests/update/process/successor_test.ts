import { assertEquals } from "@std/assert";
import { readExecutable } from "../../../lib/proc/executable.ts";
import {
  type Successor,
  successorOf,
} from "../../../lib/update/process/successor.ts";
import { until } from "../../../testing/program/until.ts";

const NAME = "qemu-system-x86_64";

/**
 * Starts a program by a link in a folder, which then leads to another one.
 *
 * @returns what it would be started with before and after that
 */
async function moved(
  word: (folder: string) => string,
): Promise<[Successor, Successor]> {
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
    const look = async () => {
      const found = await successorOf(child.pid, argv, executable);
      return { ...found, path: found.path.replace(folder, "FOLDER") };
    };
    const before = await look();
    await Deno.rename(`${folder}/next`, `${folder}/qemu`);
    const after = await look();
    child.kill("SIGKILL");
    return [before, after];
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a link stays the way to the program, absolute or not", async () => {
  for (
    const [word, path] of [
      [(folder: string) => `${folder}/qemu`, "FOLDER/qemu"],
      [() => "./qemu", "FOLDER/qemu"],
      [() => "new//../qemu", "FOLDER/new/../qemu"],
    ] as const
  ) {
    assertEquals(await moved(word), [
      { path, isOther: false },
      { path, isOther: true },
    ]);
  }
});

Deno.test("a program that was found by PATH is not looked for again", async () => {
  const itself = { path: `FOLDER/old/${NAME}`, isOther: false };
  assertEquals(await moved(() => "qemu"), [itself, itself]);
});
