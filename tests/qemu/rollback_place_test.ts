/** A VM that is rolled back is where it was, even if its program is not there. */

import { assert, assertEquals } from "@std/assert";
import { failingProgram } from "../../testing/program/failing_program.ts";
import {
  type QemuBuild,
  qemuBuilds,
} from "../../testing/qemu/builds/builds.ts";
import { withRunDirectory } from "../update/run_base.ts";
import { PLAIN, VirtualMachine, Witness } from "../../testing/qemu/mod.ts";
import { tryToMove } from "./moved.ts";

const builds = await qemuBuilds();
const USER = 1000;
const MARK = "CPRCTL_TEST_MARK";

/** Variables that tell a program of its own hand-over. */
const OF_HAND_OVER = /^(QEMU_CPR_EXEC_STATE|CPRCTL_OPEN_FILES)=/;

/** A QEMU in a folder of its own, and a program that starts it elsewhere. */
class MovableQemu implements AsyncDisposable {
  readonly folder = Deno.makeTempDirSync({ prefix: "cprctl-place-" });
  readonly binary = `${this.folder}/usr/bin/qemu-system-x86_64`;
  readonly place = `${this.folder}/a place`;
  readonly wrapper = `${this.folder}/wrapper`;

  constructor(build: QemuBuild) {
    const usr = `${this.folder}/usr`;
    Deno.chmodSync(this.folder, 0o755);
    Deno.mkdirSync(`${usr}/bin/qemu-bundle`, { recursive: true });
    Deno.symlinkSync("../..", `${usr}/bin/qemu-bundle/usr`);
    for (const name of ["lib", "lib64", "share"]) {
      const original = build.binary.replace(/bin\/[^/]+$/, name);
      Deno.symlinkSync(original, `${usr}/${name}`);
    }
    Deno.copyFileSync(build.binary, this.binary);
    Deno.mkdirSync(this.place);
    const script = `#!/bin/sh
cd "${this.place}" && umask 027 && ulimit -S -n 700 && ulimit -c 0 &&
  export ${MARK}="a value" && exec nice -n 5 "${this.binary}" "$@"
`;
    Deno.writeTextFileSync(this.wrapper, script, { mode: 0o755 });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.folder, { recursive: true });
  }
}

/** Where and as whom a process runs. */
function filesOf(pid: number) {
  const read = (name: string) => Deno.readTextFileSync(`/proc/${pid}/${name}`);
  const stat = read("stat");
  return {
    environment: read("environ").split("\0")
      .filter((it) => !OF_HAND_OVER.test(it)).sort(),
    cwd: Deno.readLinkSync(`/proc/${pid}/cwd`),
    limits: read("limits"),
    status: read("status").match(/^(Uid|Gid|Groups|Umask|Cap\w+):.*$/gm),
    cgroup: read("cgroup"),
    nice: stat.slice(stat.lastIndexOf(")") + 2).split(" ")[16],
    oomScoreAdj: read("oom_score_adj"),
  };
}

const fates: Readonly<Record<string, (path: string) => void>> = {
  deleted: (path) => Deno.removeSync(path),
  replaced(path) {
    Deno.removeSync(path);
    Deno.writeTextFileSync(path, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  },
};

for (const [fate, befall] of Object.entries(fates)) {
  Deno.test(`a VM whose program was ${fate} is rolled back to it, in its context`, async () => {
    await using run = await withRunDirectory();
    await Deno.chmod(run.path, 0o711); // as the real one
    await using qemu = new MovableQemu(builds.old);
    await using vm = await VirtualMachine.boot(
      { ...builds.old, binary: qemu.wrapper },
      { ...PLAIN, ...Deno.uid() === 0 ? { user: USER } : {} },
      "tcg",
    );
    const witness = await Witness.of(vm);
    const before = filesOf(vm.pid);
    assertEquals(before.cwd, qemu.place);
    assert(before.environment.includes(`${MARK}=a value`));
    befall(qemu.binary);
    const binary = failingProgram(vm.folder, builds.new);
    const report = await tryToMove(vm, { binary });
    assertEquals(report.outcome, "rolled-back", report.error?.message);
    assert(report.pid_after !== null && report.pid_after !== vm.pid);
    vm.follow(report.pid_after);
    assertEquals(vm.executable(), `${qemu.binary} (deleted)`);
    assertEquals(filesOf(vm.pid), before);
    await witness.assertLivesOn();
  });
}
