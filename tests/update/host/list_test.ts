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
const SHARED = ["-machine", "q35,aux-ram-share=on"];
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
      qmp: null,
      updatable: false,
      obstacle: "it has no QMP socket",
    });
    await Deno.copyFile("/bin/sleep", `${path}.new`);
    await Deno.rename(`${path}.new`, path);
    assertEquals((await listed())?.binary_state, "replaced");
    await Deno.remove(path);
    assertEquals((await listed())?.binary_state, "deleted");
    assertEquals((await listed())?.binary, path);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("obstacles on the command line need no monitor", async () => {
  const qmp = ["-qmp", "unix:/run/a.qmp,server=on,wait=off"];
  const shared = ["-machine", "q35,aux-ram-share=on"];
  const cases: [string[], string | null][] = [
    [[...qmp, ...shared], null],
    [[...qmp, "-M", "aux-ram-share=yes"], null],
    [qmp, "it was started without aux-ram-share"],
    [
      [...qmp, ...shared, "-machine", "aux-ram-share=off"],
      "it was started without aux-ram-share",
    ],
    [[...qmp, "-readconfig", "/etc/vm.conf"], null],
    [
      [...qmp, ...shared, "-sandbox", "on,spawn=deny"],
      "its sandbox does not let it execute programs (spawn=deny)",
    ],
    [shared, "it has no QMP socket"],
    [
      [...shared, "-qmp", "tcp:localhost:1,server=on"],
      "its monitor is not a unix socket path: tcp:localhost:1,server=on",
    ],
    [["-no-such"], 'Cannot parse option "-no-such": unknown option'],
  ];
  for (const [words, obstacle] of cases) {
    const vm = await described(...words);
    if (typeof vm !== "object") throw new Error("this process is gone");
    assertEquals([vm.obstacle, vm.updatable], [obstacle, obstacle === null]);
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
