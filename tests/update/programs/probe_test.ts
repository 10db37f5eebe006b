import { assert, assertEquals, assertRejects } from "@std/assert";
import { OsError } from "../../../ffi/libc.ts";
import { createMemfd } from "../../../ffi/memfd.ts";
import { PidFd } from "../../../ffi/process.ts";
import { printedBy, ProbeError } from "../../../lib/update/programs/probe.ts";

/** Programs of root's, or of this user's, need no sandbox. */
const named = { sandbox: undefined, namedByOperator: true };
const END_MS = 10_000;

function openIfThere(pid: number): PidFd | undefined {
  try {
    return PidFd.open(pid);
  } catch (error) {
    if (error instanceof OsError && error.code === "ESRCH") return undefined;
    throw error;
  }
}

/** Runs with a shell script that is gone afterwards. */
async function withScript(
  body: string,
  run: (path: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/program`;
    await Deno.writeTextFile(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    await Deno.chmod(folder, 0o755);
    await run(path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("a program does not get our environment", () =>
  withScript(`echo "$1 at $(pwd)"; env | grep -c HOME`, async (path) => {
    const printed = printedBy(path, ["-x"], named);
    await assertRejects(() => printed, ProbeError, "code 1"); // no HOME
  }));

Deno.test("a program runs in the root folder", () =>
  withScript(`echo "$1 at $(pwd)"`, async (path) => {
    assertEquals(await printedBy(path, ["-x"], named), "-x at /\n");
  }));

Deno.test("a program is asked once as long as its file is the same", () =>
  withScript(`echo x >> "$0.log"; echo hello`, async (path) => {
    for (let count = 0; count < 3; count++) {
      await printedBy(path, [], named);
    }
    assertEquals(await Deno.readTextFile(`${path}.log`), "x\n");
    await Deno.writeTextFile(path, "#!/bin/sh\necho another\n");
    assertEquals(await printedBy(path, [], named), "another\n");
  }));

Deno.test("a program that prints without end is ended", () =>
  withScript("yes", async (path) => {
    await assertRejects(
      () => printedBy(path, [], named),
      ProbeError,
      "prints without end",
    );
  }));

Deno.test("children of a program are ended with it", () =>
  withScript("sleep 600 & echo $!; exit 0", async (path) => {
    const pid = Number(await printedBy(path, [], named));
    using process = openIfThere(pid);
    assert(process === undefined || await process.exited(END_MS));
  }));

Deno.test("a program is in a session of its own, without a terminal", () =>
  withScript("exec cat /proc/self/stat", async (path) => {
    const stat = await printedBy(path, [], named);
    const [, , , session, terminal] = stat.slice(stat.lastIndexOf(")") + 2)
      .split(" ");
    assertEquals([session, terminal], [stat.split(" ")[0], "0"]);
  }));

Deno.test("a program inherits no descriptor", () =>
  withScript("exec ls /proc/self/fd", async (path) => {
    using secret = createMemfd("secret", { cloexec: false });
    assert(!secret.cloexec);
    // The fourth one is the folder that ls reads.
    assertEquals(await printedBy(path, [], named), "0\n1\n2\n3\n");
  }));

Deno.test("a program that cannot be run says why", () =>
  withScript("exit 0", async (path) => {
    await Deno.chmod(path, 0o644);
    await assertRejects(
      () => printedBy(path, [], named),
      ProbeError,
      "Permission denied",
    );
  }));

Deno.test({
  name: "root does not run a program that another user can change",
  ignore: Deno.uid() !== 0,
  fn: () =>
    withScript("exit 0", async (path) => {
      const refused = () =>
        assertRejects(
          () => printedBy(path, [], named),
          ProbeError,
          "another user than root can change it",
        );
      assertEquals(await printedBy(path, ["first"], named), "");
      await Deno.chmod(path, 0o775);
      await refused();
      await Deno.chmod(path, 0o4755);
      await refused();
      await Deno.chmod(path, 0o755);
      await Deno.chown(path.replace(/\/[^/]+$/, ""), 65534, null);
      await refused();
    }),
});
