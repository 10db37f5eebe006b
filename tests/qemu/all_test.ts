/** cprctl update --all on several real VMs. */

import { assertEquals } from "@std/assert";
import * as v from "valibot";
import { allReportSchema } from "../../lib/update/all/all_report.ts";
import { getScheduling, setScheduling } from "../../ffi/scheduling.ts";
import { isObject } from "../../lib/qmp/mod.ts";
import { qemuBuilds } from "../../scripts/qemu/builds.ts";
import { runCprctl } from "../program/program.ts";
import { accelerators, PLAIN, VirtualMachine, Witness } from "./harness/mod.ts";

const builds = await qemuBuilds();
const [accelerator = "tcg"] = await accelerators(builds.old);

const CROWD = 8;
const SCHED_IDLE = 5;
/** This one starts nothing but for the preflight. */
const BROKEN = `#!/bin/sh
case " $* " in *" -incoming "*) exit 3;; esac
exec "${builds.new.binary}" "$@"
`;

/** VMs with names that nobody else's have. */
class Crowd implements AsyncDisposable {
  readonly pattern: string;
  readonly #stack = new AsyncDisposableStack();
  readonly vms: VirtualMachine[] = [];

  private constructor(readonly name: string) {
    this.pattern = `${name}-*`;
  }

  static async boot(size: number): Promise<Crowd> {
    const crowd = new Crowd(`crowd-${crypto.randomUUID().slice(0, 8)}`);
    for (let at = 0; at < size; at++) {
      const extra = ["-name", `${crowd.name}-${at}`];
      const machine = { ...PLAIN, extra };
      const vm = await VirtualMachine.boot(builds.old, machine, accelerator);
      crowd.vms.push(crowd.#stack.use(vm));
      await yieldToOthers(vm);
    }
    return crowd;
  }

  witnesses(): Promise<Witness[]> {
    return Promise.all(this.vms.map((vm) => Witness.of(vm)));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** The guests count for ever, which is no reason to keep anybody waiting. */
async function yieldToOthers(vm: VirtualMachine): Promise<void> {
  const cpus = await vm.command("query-cpus-fast");
  for (const cpu of Array.isArray(cpus) ? cpus.filter(isObject) : []) {
    const tid = Number(cpu["thread-id"]);
    setScheduling(tid, { ...getScheduling(tid), policy: SCHED_IDLE });
  }
}

async function updateAll(crowd: Crowd, ...more: string[]) {
  const { code, stdout, stderr } = await runCprctl([
    ...["update", "--all", crowd.pattern, "--json", ...more],
  ]);
  assertEquals(stderr, "");
  return { code, report: v.parse(allReportSchema, JSON.parse(stdout)) };
}

Deno.test(`cprctl update --all moves ${CROWD} VMs and loses none`, async () => {
  await using crowd = await Crowd.boot(CROWD);
  const witnesses = await crowd.witnesses();
  const metrics = `${crowd.vms[0]?.folder}/cprctl.prom`;

  const { code, report } = await updateAll(
    crowd,
    ...["--binary", builds.new.binary, "--metrics", metrics],
  );

  assertEquals([code, report.summary.outcomes], [0, { updated: CROWD }]);
  for (const [at, vm] of crowd.vms.entries()) {
    assertEquals(vm.executable(), builds.new.binary);
    await witnesses[at]?.assertLivesOn();
  }
  const written = await Deno.readTextFile(metrics);
  for (const name of ["outcome", "time_seconds", "pause_seconds"]) {
    const each = `^cprctl_vm_last_update_${name}{name="${crowd.name}-`;
    assertEquals(written.match(new RegExp(each, "gm"))?.length, CROWD);
  }
  const again = await updateAll(crowd, "--binary", builds.new.binary);
  assertEquals(
    [again.code, again.report.summary.outcomes],
    [0, { "up-to-date": CROWD }],
  );
});

Deno.test("cprctl update --all ends with the first VM that goes back", async () => {
  await using crowd = await Crowd.boot(4);
  const witnesses = await crowd.witnesses();
  const folder = crowd.vms[0]?.folder ?? "";
  const broken = `${folder}/qemu-broken`;
  await Deno.writeTextFile(broken, BROKEN, { mode: 0o755 });

  const { code, report } = await updateAll(
    crowd,
    ...["--binary", broken, "--jobs", "2"],
  );

  assertEquals(code, 4);
  const { outcomes } = report.summary;
  assertEquals(outcomes["rolled-back"], 1);
  assertEquals(outcomes["updated"], undefined);
  assertEquals(report.results.length + report.left_out.length, 4);
  const back = report.results.find((it) => it.outcome === "rolled-back");
  const one = crowd.vms.find(({ pid }) => pid === back?.pid_before);
  one?.follow(back?.pid_after ?? 0);
  for (const [at, vm] of crowd.vms.entries()) {
    assertEquals(vm.executable(), builds.old.binary);
    await witnesses[at]?.assertLivesOn();
  }
});
