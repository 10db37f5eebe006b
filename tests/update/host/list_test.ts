import { assertEquals } from "@std/assert";
import { spawn } from "../../../ffi/spawn.ts";
import { describeVm, listVms } from "../../../lib/update/host/list.ts";

const ASK_NOBODY = { asksMonitors: false };
const NEVER_PID = 2 ** 22 + 1;

/** A list entry for a command line, run by a process that is no VM. */
async function described(...words: string[]) {
  return await describeVm(
    { pid: Deno.pid, program: "QEMU", argv: ["qemu", ...words] },
    ASK_NOBODY,
  );
}

Deno.test("a binary is seen to be replaced, or gone", async () => {
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

Deno.test("what stands on the command line needs no monitor", async () => {
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
      "its sandbox lets it execute nothing (spawn=deny)",
    ],
    [shared, "it has no QMP socket"],
    [
      [...shared, "-qmp", "tcp:localhost:1,server=on"],
      "its monitor is on no unix socket path: tcp:localhost:1,server=on",
    ],
    [["-no-such"], 'Cannot parse option "-no-such": unknown option'],
  ];
  for (const [words, obstacle] of cases) {
    const vm = await described(...words);
    if (typeof vm !== "object") throw new Error("this process is gone");
    assertEquals([vm.obstacle, vm.updatable], [obstacle, obstacle === null]);
  }
});

Deno.test("the VM's name and socket are those of its words", async () => {
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
