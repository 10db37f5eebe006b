/** VMs that are units of systemd, by the units of scripts/systemd. */

import { assert, assertEquals } from "@std/assert";
import { QmpClient } from "../../lib/qmp/mod.ts";
import type { Report } from "../../lib/update/report/report.ts";
import { validateReport } from "../../testing/update/report.ts";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import { AloneProgram } from "./alone.ts";
import { exists } from "../../testing/program/exists.ts";
import { failingProgram } from "../../testing/program/failing_program.ts";
import { bootDisk } from "../../testing/qemu/guest.ts";
import { GuestRam } from "../../testing/qemu/guest_ram.ts";
import { until, Witness, type Witnessed } from "../../testing/qemu/mod.ts";
import { Systemd } from "../../testing/qemu/systemd.ts";

const builds = await qemuBuilds();
const TIMEOUT_MS = 60_000;
const DISK_BYTES = 1 << 20;
const UNIT = "qemu@web.service";
const SLICE = "system-qemu.slice/";
const QMP = "/run/qemu/web/qmp.sock";

const ignore = !Systemd.isPossible;
if (ignore) console.warn("No systemd of one's own: its tests wait");

const stack = new AsyncDisposableStack();
let program = "";

Deno.test.beforeAll(async () => {
  if (ignore) return;
  const alone = stack.use(await AloneProgram.make());
  program = `${alone.folder}/cprctl`;
});

Deno.test.afterAll(() => stack.disposeAsync());

/** A VM that is a unit. */
class UnitVm implements Witnessed, AsyncDisposable {
  readonly files: { readonly disk: string };
  /** The VM's process, where it is not in the unit. */
  #elsewhere: number | undefined;

  private constructor(readonly systemd: Systemd) {
    this.files = { disk: `${systemd.folder}/disk.img` };
  }

  /**
   * Starts the sample unit.
   *
   * @param changes what stands in it, and what shall stand there
   */
  static async boot(changes: Record<string, string> = {}): Promise<UnitVm> {
    const vm = new UnitVm(
      await Systemd.start({
        program,
        adapt: (_unit, text) =>
          Object.entries(changes)
            .reduce((it, [from, to]) => it.replaceAll(from, to), text)
            .replaceAll("/usr/bin/qemu-system-x86_64", builds.old.binary)
            .replaceAll("/etc/qemu/", "/run/"),
      }),
    );
    try {
      await vm.#start();
      return vm;
    } catch (error) {
      await vm[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** The only process of the unit, seen from outside. */
  get pid(): number {
    if (this.#elsewhere !== undefined) return this.#elsewhere;
    const [pid, ...others] = this.systemd.processesOf(SLICE, UNIT);
    assert(pid !== undefined && others.length === 0, `${pid} ${others}`);
    return pid;
  }

  ram(): GuestRam {
    return GuestRam.open(this.pid);
  }

  executable(): string {
    return Deno.readLinkSync(`/proc/${this.pid}/exe`);
  }

  /** What systemd takes for the unit's state and main process. */
  async state(): Promise<{ active: string; mainPid: string; result: string }> {
    const [active, mainPid, result] = await Promise.all(
      ["ActiveState", "MainPID", "Result"].map((name) =>
        this.systemd.property(UNIT, name)
      ),
    );
    return {
      active: active ?? "",
      mainPid: mainPid ?? "",
      result: result ?? "",
    };
  }

  /** Looks at another process from now on. */
  follow(pid: number): void {
    this.#elsewhere = pid;
  }

  /** Runs `cprctl update`, in no unit. */
  async update(
    binary: string,
    ...options: readonly string[]
  ): Promise<{ code: number; report: Report }> {
    const { code, stdout, stderr } = await this.systemd.run(
      ...["cprctl", "update", "--qmp", QMP, "--binary", binary, "--json"],
      ...options,
    );
    assert(stdout !== "", stderr);
    return { code, report: validateReport(JSON.parse(stdout)) };
  }

  /** Adds to a unit, of which there may be processes already. */
  async addTo(unit: string, text: string): Promise<void> {
    const file = `${this.systemd.folder}/drop-in`;
    await Deno.writeTextFile(file, text);
    const script = 'mkdir -p "$1" && cp "$2" "$1/more.conf" && ' +
      "systemctl daemon-reload";
    const { code, stderr } = await this.systemd.run(
      ...["/bin/sh", "-c", script, "sh"],
      ...[`/run/systemd/system/${unit}.d`, file],
    );
    assertEquals(code, 0, stderr);
  }

  /** As `systemctl start cprctl-update@web`, onto a program of one's choice. */
  async updateUnit(binary: string): Promise<number> {
    const unit = "cprctl-update@web.service";
    await this.addTo(
      unit,
      "[Service]\nExecStart=\nExecStart=/usr/local/bin/cprctl update " +
        `--qmp ${QMP} --binary ${binary}\n`,
    );
    const { code } = await this.systemd.run("systemctl", "start", unit);
    return code;
  }

  async #start(): Promise<void> {
    const { folder } = this.systemd;
    await Deno.writeFile(this.files.disk, bootDisk(DISK_BYTES));
    const options = [
      ...["-drive", `if=none,id=disk,format=raw,file=${this.files.disk}`],
      ...["-device", "virtio-blk-pci,drive=disk,bootindex=0"],
    ].join(" ");
    const settings = `${folder}/web.conf`;
    await Deno.writeTextFile(settings, `MEMORY=64M\nOPTIONS=${options}\n`);
    const script = `cp "$1" /run && systemctl start ${UNIT}`;
    const { code, stderr } = await this.systemd.run(
      ...["/bin/sh", "-c", script, "sh", settings],
    );
    assertEquals(code, 0, stderr);
    const qmp = await QmpClient.connectAgain(
      { path: `/proc/${this.pid}/root${QMP}` },
      { timeoutMs: TIMEOUT_MS },
    );
    await qmp.close();
    using ram = this.ram();
    await ram.counterMoves(TIMEOUT_MS);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.systemd[Symbol.asyncDispose]();
  }
}

/** A program that does something else when it is to load. */
function failing({ systemd }: UnitVm, failure: string): string {
  return failingProgram(systemd.folder, builds.new, failure);
}

Deno.test(
  "a unit keeps its main process in an update",
  { ignore },
  async () => {
    await using vm = await UnitVm.boot();
    const witness = await Witness.of(vm);
    const { pid } = vm;
    const before = await vm.state();
    assertEquals(before.active, "active");

    assertEquals(await vm.updateUnit(builds.new.binary), 0);

    assertEquals([vm.pid, vm.executable()], [pid, builds.new.binary]);
    assertEquals(await vm.state(), before);
    await witness.assertLivesOn();
  },
);

Deno.test(
  "a unit is active and whole after a rollback",
  { ignore },
  async () => {
    await using vm = await UnitVm.boot();
    const witness = await Witness.of(vm);
    const { pid } = vm;

    assertEquals(await vm.updateUnit(failing(vm, "exit 3")), 1);

    const ofUpdate = await vm.systemd.property(
      "cprctl-update@web.service",
      "ExecMainStatus",
    );
    assertEquals(ofUpdate, "4");
    assert(vm.pid !== pid);
    assertEquals(vm.executable(), builds.old.binary);
    const { active, mainPid } = await vm.state();
    assertEquals([active, mainPid], ["active", "0"]);
    await witness.assertLivesOn();

    assertEquals(await vm.updateUnit(builds.new.binary), 0);
    assertEquals(vm.executable(), builds.new.binary);
    await witness.assertLivesOn();

    const { code } = await vm.systemd.run("systemctl", "stop", UNIT);
    assertEquals(code, 0);
    assertEquals(vm.systemd.processesOf(SLICE, UNIT), []);
  },
);

Deno.test(
  "systemd recovers what a killed update left",
  { ignore },
  async () => {
    await using vm = await UnitVm.boot();
    const witness = await Witness.of(vm);
    const started = `${vm.systemd.folder}/started`;
    const hanging = failing(vm, `: >${started}; exec sleep 1000`);

    const updating = vm.updateUnit(hanging);
    await until("the new QEMU starts", TIMEOUT_MS, () => exists(started));
    const { code } = await vm.systemd.run(
      ..."systemctl kill --signal=KILL --kill-who=main cprctl-update@web.service"
        .split(" "),
    );
    assertEquals([code, await updating], [0, 1]);

    const recovery = "cprctl-recover.service";
    await until(
      "recover is done",
      TIMEOUT_MS,
      async () =>
        await vm.systemd.property(recovery, "ActiveState") === "inactive" &&
        await vm.systemd.property(recovery, "ExecMainStatus") === "4",
    );
    assertEquals(vm.executable(), builds.old.binary);
    assertEquals((await vm.state()).active, "active");
    await witness.assertLivesOn();
  },
);

Deno.test("a VM outlives a unit that ends with its process", {
  ignore,
}, async () => {
  await using vm = await UnitVm.boot({ "ExitType=cgroup": "" });
  const witness = await Witness.of(vm);

  // With control groups of version 2 it would be without its limits as well.
  const { code, report } = await vm.update(
    failing(vm, "exit 3"),
    "--allow-weaker-confinement",
  );

  assertEquals([code, report.outcome], [4, "rolled-back"]);
  assertEquals(verdictOf(report), "warn");
  assertEquals(report.warnings, [
    `The process is no longer in the service "${UNIT}"`,
  ]);
  assert(report.pid_after !== null);
  vm.follow(vm.systemd.outside(report.pid_after));
  assertEquals(vm.executable(), builds.old.binary);
  await witness.assertLivesOn();
});

Deno.test("a unit that would start a second VM is refused until it is fixed", {
  ignore,
}, async () => {
  await using vm = await UnitVm.boot({
    "ExitType=cgroup": "",
    "Restart=no": "Restart=on-failure",
  });
  const witness = await Witness.of(vm);
  const broken = failing(vm, "exit 3");

  const refused = await vm.update(broken);
  assertEquals([refused.code, refused.report.outcome], [3, "refused"]);
  assertEquals(verdictOf(refused.report), "refuse");
  assertEquals(vm.executable(), builds.old.binary);

  await vm.addTo(UNIT, "[Service]\nExitType=cgroup\n");
  const { code, report } = await vm.update(broken);
  assertEquals([code, report.outcome], [4, "rolled-back"]);
  assertEquals([verdictOf(report), report.warnings], ["ok", []]);
  assertEquals(vm.executable(), builds.old.binary);
  assertEquals((await vm.state()).active, "active");
  await witness.assertLivesOn();
});

const PIDFILE = "/run/qemu/%i/qemu.pid";
const BY_PIDFILE = {
  "Type=exec": `Type=forking\nPIDFile=${PIDFILE}`,
  "ExitType=cgroup": "",
  "$OPTIONS": `$OPTIONS -daemonize -pidfile ${PIDFILE}`,
};

Deno.test("a unit follows its pidfile to another process", {
  ignore,
}, async () => {
  await using vm = await UnitVm.boot(BY_PIDFILE);
  const witness = await Witness.of(vm);
  for (const build of [builds.new, builds.old]) {
    const before = await vm.state();
    const { code, report } = await vm.update(build.binary, "--mode", "auto");
    assertEquals(
      [code, report.mode],
      [0, "cpr-transfer"],
      report.mode_why ?? "",
    );
    assertEquals([report.warnings, verdictOf(report)], [[], "ok"]);
    await until(
      "systemd has noticed",
      TIMEOUT_MS,
      async () => (await vm.state()).mainPid !== before.mainPid,
    );
    const mainPid = `${report.pid_after}`;
    assertEquals(await vm.state(), { ...before, mainPid });
    assertEquals(vm.executable(), build.binary);
    await witness.assertLivesOn();
  }
  const { code } = await vm.systemd.run("systemctl", "stop", UNIT);
  assertEquals([code, vm.systemd.processesOf(SLICE, UNIT)], [0, []]);
});

function verdictOf({ checks }: Report): string | undefined {
  return checks.find(({ id }) => id === "service")?.verdict;
}
