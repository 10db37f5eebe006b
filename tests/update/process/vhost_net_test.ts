import { assert, assertEquals, assertThrows } from "@std/assert";
import { Fd, openedWith } from "../../../ffi/fd.ts";
import { withRightsOf } from "../../../ffi/file_rights.ts";
import { createMemfd } from "../../../ffi/memfd.ts";
import {
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_RDWR,
} from "../../../ffi/open_flags.ts";
import { PidFd } from "../../../ffi/process.ts";
import { spawn } from "../../../ffi/spawn.ts";
import { VhostNet } from "../../../lib/update/process/vhost_net.ts";
import { canHaveVhost, makeVhost } from "../../../testing/qemu/vhost.ts";

/** A device, and a process that has descriptors of it and of other files. */
function test(
  name: string,
  fn: (given: { path: string; folder: string; pid: number }) => void,
): void {
  Deno.test({
    name,
    ignore: !canHaveVhost,
    async fn() {
      const folder = await Deno.makeTempDir({ prefix: "cprctl-vhost-" });
      try {
        const { device } = await makeVhost(folder);
        const files = [
          [device, O_RDWR],
          [device, O_PATH],
          [device, O_RDONLY],
          ["/dev/null", O_RDWR],
          [`${folder}/vhost.so`, O_RDWR],
        ] as const;
        using stack = new DisposableStack();
        const descriptors = new Map(
          files.map(([path, flags], index) => [
            FIRST + index,
            stack.use(Fd.open(path, flags)).number,
          ]),
        );
        using child = spawn(["sleep", "1000"], { descriptors });
        fn({ path: device, folder, pid: child.pid });
      } finally {
        await Deno.remove(folder, { recursive: true });
      }
    },
  });
}

const FIRST = 7;
const OTHERS = [FIRST + 1, FIRST + 2, FIRST + 3, FIRST + 4, 99, 2 ** 40, NaN];

test("vhost-net is opened afresh in the place of itself", ({ path, pid }) => {
  using process = PidFd.open(pid);
  using device = new VhostNet(path).openFor(process, FIRST);
  using theirs = process.getFd(FIRST);
  assertEquals(device.stat().rdev, theirs.stat().rdev);
  // Flags belong to the open file, not to the descriptor.
  theirs.setNonblocking(true);
  assertEquals(openedWith(device.number) & O_NONBLOCK, 0);
  assertEquals(new VhostNet(path).problemOf(pid, FIRST), undefined);
});

test("it is opened in the place of nothing else", ({ path, pid }) => {
  const vhost = new VhostNet(path);
  for (const number of OTHERS) {
    const { message } = vhost.problemOf(pid, number) ?? {};
    assertEquals(
      message,
      `Descriptor ${number} of process ${pid} is not ${path}`,
    );
  }
});

test("it is opened only if this process may", ({ path, folder, pid }) => {
  const told = (vhost: VhostNet) => {
    const { message = "", remedy } = vhost.problemOf(pid, FIRST) ?? {};
    return [/\((\w+)\)$/.exec(message)?.[1], remedy];
  };
  const nobody = { uid: 65534, gid: 65534, groups: [] };
  Deno.chmodSync(folder, 0o755);
  Deno.chmodSync(path, 0o600);
  assertEquals(withRightsOf(nobody, () => told(new VhostNet(path))), [
    ...["EACCES", "Run cprctl as root"],
  ]);
  for (const other of ["/no/such/device", `${folder}/vhost.so`]) {
    assertEquals(told(new VhostNet(other)), [
      other.startsWith("/no") ? "ENOENT" : "ENODEV",
      "Load the kernel module vhost_net",
    ]);
  }
  Deno.symlinkSync(path, `${folder}/link`);
  assertEquals(told(new VhostNet(`${folder}/link`))[0], "ENODEV");
});

test("what a program is started with is renewed each time", ({ path }) => {
  using device = Fd.open(path, O_RDWR);
  using memfd = createMemfd("other");
  const held = [{ role: 1, fd: device }, { role: 2, fd: memfd }];
  let number: number;
  {
    using first = new VhostNet(path).renew(held);
    using second = new VhostNet(path).renew(held);
    const [one, other] = first.all;
    assert(one !== undefined && other !== undefined);
    assertEquals([one.role, other.role], [1, 2]);
    assertEquals(other.fd, memfd);
    ({ number } = one.fd);
    device.setNonblocking(true);
    second.all[0]?.fd.setNonblocking(true);
    assertEquals(openedWith(number) & O_NONBLOCK, 0);
  }
  assertThrows(() => openedWith(number), Error, "EBADF");
  openedWith(device.number);
  openedWith(memfd.number);
  using same = new VhostNet("/no/such/device").renew(held);
  assertEquals(same.all, held);
});
