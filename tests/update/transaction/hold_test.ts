import { assertEquals } from "@std/assert";
import { run } from "../../ffi/processes.ts";

const PROGRAM = new URL("programs/take_hold.ts", import.meta.url).pathname;
const NAME = "memfd:QEMU_CPR_EXEC_STATE";

/** What a hold says of a process that has something open; it has a deadline. */
async function holdOf(pid: number): Promise<string> {
  const { stdout, stderr } = await run([
    ...[Deno.execPath(), "run", "--allow-all", "--no-check", PROGRAM],
    String(pid),
  ]);
  assertEquals(stderr, "");
  return stdout.trim();
}

/**
 * A process of another user with something open that /proc gives the name of
 * CPR state: it is alone in a file system that is mounted nowhere any more. Who
 * opens such a FIFO waits for a writer.
 */
async function withForged(
  make: string,
  test: (pid: number) => Promise<void>,
): Promise<void> {
  const script = `
    set -e
    mount -t tmpfs none /mnt
    cd /mnt
    ${make} "${NAME}"
    exec 8<>"${NAME}"
    exec 9<"${NAME}" 8>&-
    rm "${NAME}"
    cd /
    umount -l /mnt
    echo ready
    exec setpriv --reuid=65534 --regid=65534 --clear-groups sleep infinity`;
  const child = new Deno.Command("unshare", {
    args: ["--mount", "sh", "-c", script],
    stdout: "piped",
  }).spawn();
  try {
    const reader = child.stdout.getReader();
    await reader.read();
    await reader.cancel();
    assertEquals(
      await Deno.readLink(`/proc/${child.pid}/fd/9`),
      `/${NAME} (deleted)`,
    );
    await test(child.pid);
  } finally {
    child.kill("SIGKILL");
    await child.status;
  }
}

for (const [what, make] of [["FIFO", "mkfifo"], ["file", "touch"]] as const) {
  Deno.test({
    name: `a ${what} with the name of CPR state is none, and holds nothing up`,
    ignore: Deno.uid() !== 0,
    fn: () =>
      withForged(make, async (pid) => {
        assertEquals(await holdOf(pid), "cpr-state-lies");
      }),
  });
}
