/** The mode that cprctl chooses for a VM, and the downtime that it predicts. */

import { assertEquals, assertLess, assertMatch } from "@std/assert";
import { qemuBuilds } from "../../testing/qemu/builds/builds.ts";
import {
  type Machine,
  PLAIN,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";
import { reported } from "../../testing/update/cprctl.ts";

const builds = await qemuBuilds();

const CHOICES: readonly { machine: Machine; mode: string; why: RegExp }[] = [
  {
    machine: { ...PLAIN, name: "a daemon", daemonize: true },
    mode: "cpr-transfer",
    why: /^another process can take the VM over$/,
  },
  {
    machine: { ...PLAIN, name: "another process waits for it" },
    mode: "cpr-exec",
    why: /^The VM's process will end, and its parent sees it: process /,
  },
  {
    machine: {
      ...PLAIN,
      name: "a forwarded port",
      daemonize: true,
      extra: ["-netdev", "user,id=net,hostfwd=tcp:127.0.0.1:0-:22"],
    },
    mode: "cpr-exec",
    why: /^Two programs cannot have this open .*hostfwd/,
  },
];

for (const { machine, mode, why } of CHOICES) {
  Deno.test(`auto is ${mode}: ${machine.name}`, async () => {
    await using vm = await VirtualMachine.boot(builds.old, machine, "tcg");
    const witness = await Witness.of(vm);
    const tell = async (command: string, ...more: string[]) => {
      const { report } = await reported([
        ...[command, "--qmp", vm.files.qmp, "--binary", builds.new.binary],
        ...["--mode", "auto", ...more],
      ]);
      return report;
    };
    const checked = await tell("check");
    assertEquals([checked.outcome, checked.mode], ["would-update", mode]);
    assertMatch(checked.mode_why ?? "", why);
    const { detail = "" } = checked.checks.find(({ id }) =>
      id === "downtime"
    ) ??
      {};
    // Of both modes: the difference is what the other process is worth.
    const [, here = "", there = ""] =
      /^about (\d+) ms; about (\d+) ms by cpr-(exec|transfer)$/
        .exec(detail) ?? [];
    const [transfer, exec] = mode === "cpr-exec"
      ? [there, here]
      : [here, there];
    assertLess(Number(transfer), Number(exec), detail);
    assertEquals(checked.downtime_predicted_ms, Number(here));

    const refused = await tell("update", "--max-downtime", "1");
    assertEquals([refused.outcome, refused.error?.code], [
      "refused",
      "downtime",
    ]);
    const report = await tell("update");
    assertEquals([report.outcome, report.mode], ["updated", mode]);
    const { pid } = vm;
    assertEquals(report.pid_after === pid, mode === "cpr-exec");
    vm.follow(report.pid_after ?? 0);
    assertEquals(vm.executable(), builds.new.binary);
    await witness.assertLivesOn();
  });
}
