import { assertEquals } from "@std/assert";
import { PidFd } from "../../../ffi/process.ts";
import {
  CLOSED_SET,
  leftOpen,
  withClosed,
} from "../../../lib/update/vm/left_open.ts";
import { linesOf } from "../../../testing/program/lines.ts";

/** A process in which vhost-net is open, as a file of a /dev of its own. */
const SCRIPT = `mount -t tmpfs none /dev && touch /dev/vhost-net &&
exec 7</dev/vhost-net 8</dev/vhost-net && echo open && exec cat`;

Deno.test({
  name: "vhost is closed, but for what the command line names",
  ignore: Deno.uid() !== 0,
  async fn() {
    const child = new Deno.Command("unshare", {
      args: ["--mount", "/bin/sh", "-c", SCRIPT],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const lines = linesOf(child.stdout).getReader();
    try {
      assertEquals((await lines.read()).value, "open");
      using process = PidFd.open(child.pid);
      assertEquals((await leftOpen(process, [], [])).toSorted(), [7, 8]);
      assertEquals(await leftOpen(process, [7], []), [8]);
    } finally {
      await child.stdin.close();
      await child.status;
      await lines.cancel();
    }
  },
});

Deno.test("the new program is told what to close before anything else", () => {
  assertEquals(withClosed(["qemu", "-S"], [7]), [
    ...["qemu", "-add-fd", `fd=7,set=${CLOSED_SET}`, "-S"],
  ]);
  assertEquals(withClosed(["qemu", "-S"], []), ["qemu", "-S"]);
});
