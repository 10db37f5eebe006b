import { assertEquals } from "@std/assert";
import { Fd } from "../../../ffi/fd.ts";
import { O_RDWR } from "../../../ffi/open_flags.ts";
import { PidFd } from "../../../ffi/process.ts";
import { spawn } from "../../../ffi/spawn.ts";
import { VhostNet } from "../../../lib/update/process/vhost_net.ts";
import {
  leftOpen,
  OWN_SET,
  withClosed,
} from "../../../lib/update/vm/left_open.ts";
import { canHaveVhost, makeVhost } from "../../../testing/qemu/vhost.ts";

Deno.test({
  name: "vhost is closed, but for what the command line names",
  ignore: !canHaveVhost,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "cprctl-vhost-" });
    try {
      const { device } = await makeVhost(folder);
      const vhostNet = new VhostNet(device);
      using file = Fd.open(device, O_RDWR);
      using other = Fd.open(`${folder}/vhost.so`, O_RDWR);
      using child = spawn(["sleep", "1000"], {
        descriptors: new Map([
          ...[[7, file.number], [8, file.number]] as const,
          [9, other.number],
        ]),
      });
      using process = PidFd.open(child.pid);
      const left = (inUse: number[]) => leftOpen(process, inUse, [], vhostNet);
      assertEquals((await left([])).toSorted(), [7, 8]);
      assertEquals(await left([7]), [8]);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test("the new program is told what to close before anything else", () => {
  assertEquals(withClosed(["qemu", "-S"], [7]), [
    ...["qemu", "-add-fd", `fd=7,set=${OWN_SET}`, "-S"],
  ]);
  assertEquals(withClosed(["qemu", "-S"], []), ["qemu", "-S"]);
});
