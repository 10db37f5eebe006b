import { assert, assertEquals } from "@std/assert";
import { spawn } from "../../../ffi/spawn.ts";
import {
  findVmProcesses,
  programOf,
} from "../../../lib/update/host/processes.ts";
import { until } from "../../../testing/program/until.ts";

const PATIENCE_MS = 20_000;

Deno.test("QEMU is identified by its executable or argv[0]", () => {
  const qemus: [string[], string | undefined][] = [
    [["x"], "/usr/bin/qemu-system-x86_64"],
    [["x"], "/usr/bin/qemu-system-x86_64 (deleted)"],
    [["/opt/qemu-system-aarch64", "-S"], "/lib64/ld-linux-x86-64.so.2"],
    [["/usr/libexec/qemu-kvm"], undefined],
    [["kvm"], "/usr/bin/other"],
    [["x"], "/opt/qemu"],
    [["x"], "/opt/qemu-system-x86_64-11.1.2"],
  ];
  for (const [argv, executable] of qemus) {
    assertEquals(programOf(argv, executable), "QEMU", `${argv} ${executable}`);
  }
});

Deno.test("an embedded machine is identified by its command line", () => {
  const machines = [
    ["/usr/bin/deno", "run", "-A", "/src/main.ts", "machine", "-qmp", "x"],
    ["/usr/bin/cprctl", "machine", "-S"],
    ["/opt/cprctl-0.1.0", "machine"],
    ["deno", "run", "/cache/cprctl.js", "machine", "-nodefaults"],
  ];
  for (const argv of machines) {
    assertEquals(programOf(argv, "/usr/bin/deno"), "cprctl", argv.join(" "));
  }
  const [deno = [], compiled = []] = machines;
  assertEquals(programOf(compiled, "/usr/bin/cprctl (deleted)"), "cprctl");
  assertEquals(programOf(compiled, undefined), "cprctl");
  assertEquals(programOf(["timeout", "9", ...deno], "/bin/timeout"), undefined);
  assertEquals(programOf(["/bin/sh", ...compiled], "/bin/dash"), undefined);
});

Deno.test("similar processes are not VMs", () => {
  const others = [
    ["qemu-img", "create", "a"],
    ["/usr/bin/qemu-ga"],
    ["qemu-nbd", "-c", "/dev/nbd0"],
    ["sudo", "qemu-system-x86_64"],
    ["vim", "main.ts", "machine", "notes"],
    ["machine", "-S"],
    ["cprctl", "update", "machine"],
    [""],
  ];
  for (const argv of others) {
    for (const executable of ["/usr/bin/x", "/usr/bin/deno"]) {
      assertEquals(programOf(argv, executable), undefined, argv.join(" "));
    }
  }
});

Deno.test("a process is found while others start and end", async () => {
  using vm = spawn(
    ["bash", "-c", "exec -a qemu-system-x86_64 sleep 1000"],
    { descriptors: new Map() },
  );
  await until("the process has its name", PATIENCE_MS, () => {
    const words = Deno.readTextFileSync(`/proc/${vm.pid}/cmdline`);
    return words.startsWith("qemu-system");
  });
  const script = "i=0; while [ $i -lt 400 ]; do /bin/true; i=$((i+1)); done";
  const crowd = new Deno.Command("sh", { args: ["-c", script] }).spawn();
  let isOver = false;
  const over = crowd.status.then(() => isOver = true);
  do {
    const { found } = await findVmProcesses();
    const process = found.find(({ pid }) => pid === vm.pid);
    assertEquals(process?.argv, ["qemu-system-x86_64", "1000"]);
    assert(
      found.every((it, at) => at === 0 || it.pid > (found[at - 1]?.pid ?? 0)),
    );
  } while (!isOver);
  await over;
});
