/**
 * Programs of a hostile VM's choosing, which root's cprctl asks what they are:
 * they get no right that the VM has not, and nothing of root's.
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { validateReport } from "../../testing/update/report.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { cprctlWords } from "../../testing/program/program.ts";
import { runProgram } from "../../testing/program/run.ts";
import { PLAIN, VirtualMachine } from "../../testing/qemu/mod.ts";
import { HostileVm, PERL, USER } from "./hostile_vm.ts";

const builds = await qemuBuilds();
const ignore = Deno.uid() !== 0;
if (ignore) console.warn("Not root: the attacks wait");

const stack = new AsyncDisposableStack();
let real: VirtualMachine;

Deno.test.beforeAll(async () => {
  if (ignore) return;
  real = stack.use(await VirtualMachine.boot(builds.old, PLAIN, "tcg"));
});

Deno.test.afterAll(() => stack.disposeAsync());

/** Writes down what it is, and says that it is a QEMU. */
const TELLTALE = `
cd "$(dirname "$0")" || exit 1
{
  echo "user $(id -ru) $(id -u) $(id -rg) $(id -g) $(id -G)"
  grep -E '^(CapEff|CapBnd|NoNewPrivs):' /proc/self/status
  echo "stat $(cat /proc/$$/stat)"
  for fd in /proc/$$/fd/*; do echo "fd $(readlink "$fd")"; done
  cat /proc/self/cgroup
  (: </dev/tty) 2>/dev/null && echo "it has a terminal"
} >>seen 2>&1
echo "QEMU emulator version 11.1.2"
`;

/** Has root look at a hostile VM, with a terminal and an open secret. */
async function checkedByRoot(vm: HostileVm, binary?: string) {
  const words = [
    ...[...cprctlWords(), "check", "--qmp", vm.socket, "--json"],
    ...binary === undefined ? [] : ["--binary", binary],
  ];
  const command = words.map((it) => `'${it}'`).join(" ");
  const { stdout } = await runProgram([
    ...["script", "--quiet", "--return", "--command"] as const,
    `exec 9</etc/shadow; ${command} 2>/dev/null`,
    "/dev/null",
  ]);
  return validateReport(JSON.parse(stdout));
}

/** What the program wrote down, each time that it was run. */
async function assertPowerless(vm: HostileVm): Promise<string> {
  const seen = await vm.written("seen") ?? "";
  const users = seen.match(/^user .*$/gm) ?? [];
  assert(users.length > 0, "it was not run");
  for (const user of users) {
    assertEquals(user, `user ${USER} ${USER} ${USER} ${USER} ${USER}`);
  }
  for (const line of seen.match(/^Cap\w+:.*$/gm) ?? []) {
    assertMatch(line, /^Cap\w+:\s*0+$/);
  }
  assert(!/^NoNewPrivs:\s*0$/m.test(seen), seen);
  assert(!/terminal|shadow|permission/.test(seen), seen);
  for (const [, stat = ""] of seen.matchAll(/^stat (.*)$/gm)) {
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    assertEquals(fields[4], "0", "it has a controlling terminal");
  }
  return seen;
}

async function hostile(wrapper: readonly string[] = []): Promise<HostileVm> {
  const argv = real.argv;
  return await HostileVm.start({ real: real.files.qmp, argv, wrapper });
}

Deno.test({
  name:
    "a program of the VM's user runs as that user, and has nothing of root's",
  ignore,
  async fn() {
    await using vm = await hostile();
    const binary = await vm.program("qemu", `#!/bin/sh${TELLTALE}`);
    const report = await checkedByRoot(vm, binary);
    assert(report.checks.some(({ id }) => id === "new-program"));
    await assertPowerless(vm);
  },
});

Deno.test({
  name: "a program of root's that the VM's process chose runs as its user",
  ignore,
  async fn() {
    const folder = await Deno.makeTempDir({ prefix: "cprctl-attack-roots-" });
    try {
      await Deno.chmod(folder, 0o755);
      const perl = `${folder}/perl`;
      await Deno.copyFile(PERL, perl);
      const argv = real.argv;
      await using vm = await HostileVm.start({
        ...{ real: real.files.qmp, argv, perl },
      });
      // What is root's at that path now tells in the attacker's folder.
      await Deno.remove(perl);
      const script = TELLTALE.replace('"$(dirname "$0")"', vm.folder);
      const mode = 0o755;
      await Deno.writeTextFile(perl, `#!/bin/sh${script}`, { mode });
      const { checks } = await checkedByRoot(vm);
      const asked = checks.find(({ id }) => id === "new-program");
      assertEquals(asked?.verdict, "ok", asked?.detail);
      await assertPowerless(vm);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});

Deno.test({
  name: "a set-user-ID program does not make a probe root's",
  ignore,
  async fn() {
    await using vm = await hostile();
    const shell = await vm.copyOf("/bin/sh", "root-sh", 0o6755);
    const binary = await vm.program("qemu", `#!${shell} -p${TELLTALE}`);
    await checkedByRoot(vm, binary);
    await assertPowerless(vm);
  },
});

Deno.test({
  name: "a program of the VM's user is in the VM's control group",
  ignore,
  async fn() {
    const name = `cprctl-attack-${crypto.randomUUID()}`;
    const v1 = "/sys/fs/cgroup/pids";
    const isV1 = await Deno.stat(v1).then(() => true, () => false);
    const group = `${isV1 ? v1 : "/sys/fs/cgroup"}/${name}`;
    await Deno.mkdir(group);
    try {
      await using vm = await hostile();
      await Deno.writeTextFile(`${group}/cgroup.procs`, `${vm.pid}`);
      const binary = await vm.program("qemu", `#!/bin/sh${TELLTALE}`);
      await checkedByRoot(vm, binary);
      const seen = await assertPowerless(vm);
      const groups = seen.match(isV1 ? /^\d+:pids:.*$/gm : /^0::.*$/gm) ?? [];
      assert(groups.length > 0);
      for (const it of groups) assert(it.endsWith(`:/${name}`), it);
    } finally {
      await Deno.remove(group);
    }
  },
});

Deno.test({
  name: "what a program of the VM's user leaves behind is ended",
  ignore,
  async fn() {
    await using vm = await hostile();
    const binary = await vm.program(
      "qemu",
      `#!/bin/sh
cd "$(dirname "$0")" || exit 1
setsid sh -c 'read pid rest </proc/self/stat; echo $pid >>left; exec sleep 600' &
while [ ! -s left ]; do :; done
echo "QEMU emulator version 11.1.2"
`,
    );
    await checkedByRoot(vm, binary);
    const left = (await vm.written("left") ?? "").trim().split("\n");
    assert(left.length > 0 && left[0] !== "");
    for (const pid of left) {
      const there = await Deno.readTextFile(`/proc/${pid}/cmdline`)
        .catch(() => "");
      assert(!there.startsWith("sleep\0"), `process ${pid} is there`);
    }
  },
});
