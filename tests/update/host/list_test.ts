import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { OsError } from "../../../ffi/libc.ts";
import { UnixListener } from "../../../ffi/socket.ts";
import { spawn } from "../../../ffi/spawn.ts";
import { type JsonObject, QmpServer } from "../../../lib/qmp/mod.ts";
import { describeVm, listVms } from "../../../lib/update/host/list.ts";

const ASK = { asksMonitors: true };
const SHARED = [
  ...["-machine", "q35,aux-ram-share=on,memory-backend=m"],
  ...["-object", "memory-backend-memfd,id=m,size=64M"],
];
const ASK_NOBODY = { asksMonitors: false };
const NEVER_PID = 2 ** 22 + 1;

/** A command that says the same to everybody. */
function answers(value: JsonObject) {
  return { run: () => Promise.resolve(value) };
}

/** A list entry for a command line, run by a process that is no VM. */
async function described(...words: string[]) {
  return await describeVm(
    { pid: Deno.pid, program: "QEMU", argv: ["qemu", ...words] },
    ASK_NOBODY,
  );
}

Deno.test("a replaced or deleted binary is noticed", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/qemu-system-x86_64`;
    await Deno.copyFile("/bin/sleep", path);
    using vm = spawn([path, "1000"], { descriptors: new Map() });
    const listed = async () => {
      const { vms } = await listVms(ASK_NOBODY);
      return vms.find(({ pid }) => pid === vm.pid);
    };
    assertEquals(await listed(), {
      pid: vm.pid,
      name: null,
      program: "QEMU",
      version: null,
      status: null,
      binary: path,
      binary_state: "same",
      replaced_libraries: [],
      due: false,
      qmp: null,
      domain: null,
      updatable: false,
      obstacle: "it was started without aux-ram-share=on",
      obstacle_code: "memory-backends",
    });
    await Deno.copyFile("/bin/sleep", `${path}.new`);
    await Deno.rename(`${path}.new`, path);
    assertEquals((await listed())?.binary_state, "replaced");
    assertEquals((await listed())?.due, true);
    await Deno.remove(path);
    assertEquals((await listed())?.binary_state, "deleted");
    assertEquals((await listed())?.binary, path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a VM whose link leads to another program is due", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [old, next] = [`${folder}/qemu-system-1`, `${folder}/qemu-system-2`];
    const [link, other] = [`${folder}/qemu`, `${folder}/kvm`];
    for (const path of [old, next]) await Deno.copyFile("/bin/sleep", path);
    await Deno.symlink(old, link);
    using vm = spawn([link, "1000"], { descriptors: new Map() });
    const process = { pid: vm.pid, program: "QEMU" as const, argv: [link] };
    const state = async (first: string) => {
      const listed = await describeVm(
        { ...process, argv: [first] },
        ASK_NOBODY,
      );
      assert(typeof listed === "object");
      return [listed.binary, listed.binary_state, listed.due];
    };
    assertEquals(await state(link), [old, "same", false]);
    await Deno.symlink(next, other);
    await Deno.rename(other, link);
    assertEquals(await state(link), [old, "replaced", true]);
    // A wrapper that is no link, or is not named like a QEMU, is no QEMU.
    assertEquals(await state(next), [old, "same", false]);
    assertEquals(await state("/bin/sh"), [old, "same", false]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a VM with a library that was replaced is due", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const library = `${folder}/libother.so.6`;
    const [libc = ""] = (await Deno.readTextFile("/proc/self/maps"))
      .match(/\/\S*\/libc\.so\.6$/m) ?? [];
    await Deno.copyFile(libc, library);
    const path = `${folder}/qemu-system-x86_64`;
    await Deno.copyFile("/bin/sleep", path);
    using vm = spawn([path, "1000"], {
      descriptors: new Map(),
      environment: { LD_PRELOAD: library },
    });
    const listed = async () => {
      const process = { pid: vm.pid, program: "QEMU" as const, argv: [path] };
      const listed = await describeVm(process, ASK_NOBODY);
      assert(typeof listed === "object");
      return [listed.replaced_libraries, listed.due];
    };
    assertEquals(await listed(), [[], false]);
    await Deno.remove(library);
    assertEquals(await listed(), [[library], true]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("obstacles on the command line need no monitor", async () => {
  const qmp = ["-qmp", "unix:/run/a.qmp,server=on,wait=off"];
  const aux = ["-machine", "q35,aux-ram-share=on"];
  const machine = ["-machine", "q35,aux-ram-share=on,memory-backend=ram0"];
  const backend = (type: string) => [
    ...["-object", `memory-backend-${type},id=ram0,size=64M`],
  ];
  const shared = [...machine, ...backend("memfd")];
  const libvirt = [
    "-chardev",
    "socket,id=charmonitor,fd=3,server=on,wait=off",
    ...["-mon", "chardev=charmonitor,id=monitor,mode=control"],
  ];
  const cases: [string[], string | null, string | null][] = [
    [[...qmp, ...shared], null, null],
    [[...qmp, ...machine, ...backend("ram,share=on")], null, null],
    [[...qmp, ...aux, ...backend("shm"), "-numa", "memdev=ram0"], null, null],
    [[...qmp, "-M", "none,aux-ram-share=yes"], null, null],
    [
      qmp,
      "memory-backends",
      "it was started without aux-ram-share=on",
    ],
    [
      [...qmp, ...shared, "-machine", "aux-ram-share=off"],
      "memory-backends",
      "it was started without aux-ram-share=on",
    ],
    [
      [...qmp, ...machine, ...backend("memfd,share=off")],
      "memory-backends",
      'its RAM "ram0" is not shared (share=off)',
    ],
    [
      [...qmp, ...machine, ...backend("ram")],
      "memory-backends",
      'its RAM "ram0" is not shared (share=off)',
    ],
    [
      [...qmp, ...aux, "-m", "64M"],
      "memory-backends",
      "its RAM is not shared: its machine has no memory-backend",
    ],
    [
      [...qmp, ...shared, "-readconfig", "/etc/vm.conf"],
      "readconfig",
      "the file of its -readconfig cannot be read, or has changed",
    ],
    [
      [...qmp, ...shared, "-sandbox", "on,spawn=deny"],
      "sandbox",
      "its sandbox does not let it execute programs (spawn=deny): only " +
      "--mode cpr-transfer or live",
    ],
    [shared, "no-monitor", "it has no QMP socket"],
    [
      [...shared, "-qmp", "tcp:localhost:1,server=on"],
      "no-monitor",
      "its monitor is not a unix socket path: tcp:localhost:1,server=on",
    ],
    [
      [...shared, ...libvirt],
      "libvirt",
      "libvirt manages it, but not the system daemon of this host",
    ],
    [
      ["-no-such", "-m"],
      "command-line",
      'Cannot parse option "-m": requires an argument',
    ],
  ];
  for (const [words, code, obstacle] of cases) {
    const vm = await described(...words);
    if (typeof vm !== "object") throw new Error("this process is gone");
    assertEquals(
      [vm.obstacle, vm.obstacle_code, vm.updatable],
      [obstacle, code, obstacle === null],
    );
  }
});

Deno.test("a VM in a run state that cannot be moved is an obstacle", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/qmp`;
    await using server = new QmpServer({
      version: { major: 11, minor: 1, micro: 2, package: "" },
      commands: new Map([
        ["query-status", answers({ running: false, status: "internal-error" })],
        ["query-name", answers({})],
      ]),
    });
    server.listen({ path });
    const argv = ["qemu", "-qmp", `unix:${path},server=on`, ...SHARED];
    const vm = await describeVm({ pid: Deno.pid, program: "QEMU", argv }, ASK);
    assert(typeof vm === "object");
    assertEquals(
      [vm.obstacle_code, vm.obstacle],
      ["run-state", 'it is in run state "internal-error"'],
    );
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the VM's name and socket are those of its command line", async () => {
  const vm = await described(
    ...["-name", "guest=a,,b,debug-threads=on", "-qmp", "unix:a.qmp,server"],
  );
  if (typeof vm !== "object") throw new Error("this process is gone");
  assertEquals([vm.name, vm.qmp], ["a,b", `${Deno.cwd()}/a.qmp`]);
});

Deno.test("a process that has ended is no VM", async () => {
  const vm = { pid: NEVER_PID, program: "QEMU" as const, argv: ["qemu"] };
  assertEquals(await describeVm(vm, ASK_NOBODY), undefined);
});

Deno.test("a socket that the process does not listen at is not connected to", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/of another`;
    using listener = UnixListener.listen(path);
    using vm = spawn(["/bin/sleep", "1000"], { descriptors: new Map() });
    const argv = ["qemu", "-qmp", `unix:${path},server=on,wait=off`];
    const listed = await describeVm(
      { pid: vm.pid, program: "QEMU", argv },
      ASK,
    );
    assert(typeof listed === "object");
    assertEquals(listed.updatable, false);
    const told = await describeVm(
      { pid: vm.pid, program: "QEMU", argv: [...argv, ...SHARED] },
      ASK,
    );
    assert(typeof told === "object");
    assertEquals(
      told.obstacle,
      `its process does not listen at "${path}", which was not connected to`,
    );
    const error = await assertRejects(() => listener.accept(1), OsError);
    assertEquals(error.code, "ETIMEDOUT");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a long name from a monitor is cut, a huge one not read", async () => {
  const folder = await Deno.makeTempDir();
  try {
    for (
      const [length, shown, obstacle] of [
        [255, 255, null],
        [300, 255, null],
        [100_000, undefined, "a message longer than 65536 bytes"],
      ] as const
    ) {
      const path = `${folder}/${length}`;
      await using server = new QmpServer({
        version: { major: 11, minor: 1, micro: 2, package: "" },
        commands: new Map([
          ["query-status", answers({ running: true, status: "running" })],
          ["query-name", answers({ name: "x".repeat(length) })],
        ]),
      });
      server.listen({ path });
      const argv = ["qemu", "-qmp", `unix:${path},server=on`, ...SHARED];
      const vm = await describeVm(
        { pid: Deno.pid, program: "QEMU", argv },
        ASK,
      );
      assert(typeof vm === "object");
      assertEquals(vm.name?.length, shown, String(vm.obstacle));
      if (obstacle === null) assertEquals(vm.obstacle, null);
      else assertStringIncludes(vm.obstacle ?? "", obstacle);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
