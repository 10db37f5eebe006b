import { assertEquals, assertRejects } from "@std/assert";
import {
  printedBy,
  ProbeError,
} from "../../../../lib/update/preflight/programs/program_probe.ts";

const USER = { uid: Deno.uid() ?? 0, gid: Deno.gid() ?? 0 };

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

Deno.test("a program prints, knowing nothing of our environment", () =>
  withScript(`echo "$1 at $(pwd)"; env | grep -c HOME`, async (path) => {
    const printed = printedBy(path, ["-x"], { user: USER });
    await assertRejects(() => printed, ProbeError, "code 1"); // no HOME
  }));

Deno.test("a program runs in the root folder", () =>
  withScript(`echo "$1 at $(pwd)"`, async (path) => {
    assertEquals(await printedBy(path, ["-x"], { user: USER }), "-x at /\n");
  }));

Deno.test("a program is asked once as long as its file is the same", () =>
  withScript(`echo x >> "$0.log"; echo hello`, async (path) => {
    for (let count = 0; count < 3; count++) {
      await printedBy(path, [], { user: USER });
    }
    assertEquals(await Deno.readTextFile(`${path}.log`), "x\n");
    await Deno.writeTextFile(path, "#!/bin/sh\necho another\n");
    assertEquals(await printedBy(path, [], { user: USER }), "another\n");
  }));

Deno.test("a program that does not end is given up", () =>
  withScript("while :; do :; done", async (path) => {
    await assertRejects(
      () => printedBy(path, [], { user: USER, timeoutMs: 100 }),
      ProbeError,
      "did not end in 100 ms",
    );
  }));

Deno.test("a program that prints without end is ended", () =>
  withScript("yes", async (path) => {
    await assertRejects(
      () => printedBy(path, [], { user: USER }),
      ProbeError,
      "prints without end",
    );
  }));

Deno.test("what a program leaves behind is not waited for", () =>
  withScript('sleep 600 & echo $! > "$0.pid"; exit 0', async (path) => {
    await assertRejects(
      () => printedBy(path, [], { user: USER, timeoutMs: 500 }),
      ProbeError,
      "did not end",
    );
    Deno.kill(Number(await Deno.readTextFile(`${path}.pid`)), "SIGKILL");
  }));

Deno.test("a program that cannot be run says why", () =>
  withScript("exit 0", async (path) => {
    await Deno.chmod(path, 0o644);
    await assertRejects(
      () => printedBy(path, [], { user: USER }),
      ProbeError,
      "Permission denied",
    );
  }));

Deno.test({
  name: "root runs a program as the VM's user",
  ignore: Deno.uid() !== 0,
  fn: () =>
    withScript("id -u; id -g; id -G", async (path) => {
      const user = { uid: 65534, gid: 65534 };
      assertEquals(await printedBy(path, [], { user }), "65534\n".repeat(3));
    }),
});
