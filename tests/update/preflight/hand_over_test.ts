import type { Service } from "../../../lib/update/process/service.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { spawn } from "../../../ffi/spawn.ts";
import type { CheckContext } from "../../../lib/update/preflight/check.ts";
import { CommandLine } from "../../../lib/update/command/command_line.ts";
import {
  contendedIn,
  transferParent,
  transferPaths,
  transferProcess,
} from "../../../lib/update/preflight/hand_over.ts";

const contended = (...words: string[]) =>
  contendedIn(CommandLine.guess("QEMU", ["qemu", ...words]));

const HARMLESS: readonly string[][] = [
  ["-machine", "q35", "-cpu", "host", "-smp", "2", "-m", "1G", "-nodefaults"],
  ["-object", "memory-backend-memfd,id=ram0,size=1G,share=on"],
  ["-object", "iothread,id=io0"],
  ["-drive", "if=virtio,file=a.qcow2", "-blockdev", "raw,node-name=a"],
  ["-device", "virtio-net-pci,netdev=n", "-netdev", "user,id=n"],
  ["-nic", "none", "-display", "none", "-vnc", "none", "-vga", "std"],
  ["-qmp", "unix:/run/a.qmp,server=on,wait=off", "-pidfile", "/run/a.pid"],
  ["-chardev", "socket,id=c,path=/run/c,server=on,wait=off", "-mon", "c"],
  ["-chardev", "file,id=c,path=log", "-serial", "chardev:c"],
  ["-serial", "file:log", "-parallel", "none", "-monitor", "null"],
  ["-run-with", "async-teardown=on", "-sandbox", "on", "-daemonize"],
  ["-S", "-incoming", "defer", "-id", "100"],
];

for (const words of HARMLESS) {
  Deno.test(`two programs can have ${words.join(" ")} open`, () => {
    assertEquals(contended(...words), []);
  });
}

const CONTENDED: readonly string[][] = [
  ["-only-a-patched-qemu-knows", "it"],
  ["-qmp", "tcp:localhost:4444,server=on"],
  ["-monitor", "stdio"],
  ["-serial", "pty"],
  ["-serial", "stdio"],
  ["-serial", "mon:stdio"],
  ["-serial", "unix:/run/peer"],
  ["-chardev", "socket,id=c,path=/run/c"],
  ["-chardev", "socket,id=c,path=c,abstract=on,server=on"],
  ["-chardev", "socket,id=c,port=4444,server=on"],
  ["-chardev", "socket,id=c,fd=3,server=on"],
  ["-chardev", "pty,id=c"],
  ["-chardev", "stdio,id=c"],
  ["-netdev", "tap,id=n,ifname=tap0"],
  ["-netdev", "user,id=n,hostfwd=tcp::2222-:22"],
  ["-netdev", "vhost-user,id=n,chardev=c"],
  ["-netdev", "passt,id=n"],
  ["-nic", "tap"],
  ["-nic", "user,hostfwd=tcp::2222-:22"],
  ["-vnc", ":1"],
  ["-spice", "port=5900"],
  ["-display", "gtk"],
  ["-nographic"],
  ["-gdb", "tcp::1234"],
  ["-s"],
  ["-device", "vfio-pci,host=1:0.0"],
  ["-device", "vhost-vsock-pci,guest-cid=3"],
  ["-device", "usb-host,vendorid=1"],
  ["-device", "tpm-tis,tpmdev=t"],
  ["-object", "memory-backend-epc,id=e"],
  ["-object", "filter-dump,id=f,netdev=n"],
  ["-object", "pr-manager-helper,id=p,path=p"],
  ["-tpmdev", "emulator,id=t,chardev=c"],
  ["-fsdev", "local,id=f,path=/"],
  ["-audiodev", "pa,id=a"],
  ["-trace", "file=log"],
  ["-D", "log"],
  ["-run-with", "exit-with-parent=on"],
];

for (const words of CONTENDED) {
  Deno.test(`two programs cannot share ${words.join(" ")}`, () => {
    assertEquals(contended(...words), [words.join(" ")]);
  });
}

Deno.test("sockets are not made where other users could make them", async () => {
  const folder = await Deno.makeTempDir({ prefix: "cprctl-test-" });
  const monitor = `${folder}/qmp.cprctl`;
  const [cpr, main] = [`${folder}/qmp.cpr`, `${folder}/qmp.main`];
  const moves = [{ from: monitor, to: `${folder}/qmp` }];
  const handOver = { monitor, cpr, main, moves };
  const find = async (mode: number, uid = Deno.uid()) => {
    await Deno.chmod(folder, mode);
    const facts = { owner: { uid } };
    const { verdict, detail } = await transferPaths.run(
      { handOver, facts } as unknown as CheckContext,
    );
    return `${verdict}: ${detail.replace(folder, "FOLDER")}`;
  };
  const open = 'refuse: other users can make a socket in "FOLDER"';
  try {
    for (const mode of [0o700, 0o755]) {
      assertMatch(await find(mode), /^ok/);
    }
    for (const mode of [0o777, 0o1777]) assertEquals(await find(mode), open);
    if (Deno.uid() !== 0) return;
    await Deno.chown(folder, 0, 36);
    assertEquals(await find(0o770, 107), open);
    await Deno.chown(folder, 0, 107);
    assertMatch(await find(0o770, 107), /^ok/);
    await Deno.chown(folder, 36, 107);
    assertEquals(await find(0o700, 107), open);
  } finally {
    await Deno.remove(folder);
  }
});

Deno.test("a service that may end with what started the VM is refused", async () => {
  using child = spawn(["/bin/sleep", "1000"], { descriptors: new Map() });
  const find = (service?: Service) =>
    transferProcess.run(
      { facts: { pid: child.pid, service } } as unknown as CheckContext,
    );
  assertEquals((await find()).verdict, "ok");
  const { verdict, detail } = await find({ name: "vm", fate: "stays" });
  assertEquals(verdict, "refuse");
  assertMatch(detail, /the service "vm" may end with process \d+, ".*", which/);
});

Deno.test("the process that started the VM is named", async () => {
  using child = spawn(["/bin/sleep", "1000"], { descriptors: new Map() });
  const find = (pid: number) =>
    transferParent.run({ facts: { pid } } as unknown as CheckContext);
  const { verdict, detail } = await find(child.pid);
  assertEquals(verdict, "warn");
  assertMatch(detail, new RegExp(`process ${Deno.pid}, "`));
  assertEquals((await find(1)).verdict, "ok");
});
