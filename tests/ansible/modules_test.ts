/** What the modules answer to single tasks. */

import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { validateReport } from "../../testing/update/report.ts";
import { knownBuilds } from "../../testing/qemu/builds/builds.ts";
import { Lab } from "../../testing/machine/mod.ts";
import { failingScript } from "../../testing/program/failing_program.ts";
import {
  accelerators,
  PLAIN,
  VirtualMachine,
  Witness,
} from "../../testing/qemu/mod.ts";
import {
  ControlNode,
  Hypervisor,
  inode,
  updatesOf,
  Versions,
} from "./harness/mod.ts";

const UPDATE = "cprctl.qemu.cpr_update";
const INFO = "cprctl.qemu.cpr_info";
const builds = await knownBuilds();

const KNOWN = "qmp, domain, binary, allow_weaker_confinement, timeout";

Deno.test("wrong options are named all at once", async () => {
  await using lab = await Lab.open();
  const node = new ControlNode(lab.folder, { a: {} });
  const { code, results } = await node.tasks({
    [UPDATE]: { qpm: "/run/a", binary: "qemu", timeout: "soon", forse: true },
  });
  assert(code !== 0);
  assertEquals(results.map(({ end, result }) => [end, result["msg"]]), [[
    "failed",
    `Cannot accept the options: "qpm" is unknown (known: ${KNOWN}); ` +
    `"forse" is unknown (known: ${KNOWN}); ` +
    '"binary" must be an absolute path; ' +
    '"timeout" must be a positive number of seconds',
  ]]);
});

Deno.test("a task names one VM, by its monitor or as a domain", async () => {
  await using lab = await Lab.open();
  const node = new ControlNode(lab.folder, { a: {} });
  const tasks = [
    { [UPDATE]: {} },
    { [UPDATE]: { qmp: "/run/a", domain: "a" } },
    { [INFO]: { binary: "/usr/bin/qemu" } },
    { [UPDATE]: { domain: "missing" } },
  ];
  const { results } = await node.tasks(
    ...tasks.map((task) => ({ ...task, ignore_errors: true })),
  );
  assertEquals(results.map(({ result }) => result["msg"]), [
    'Cannot accept the options: "qmp" or "domain" is missing',
    'Cannot accept the options: either "qmp" or "domain" names the VM',
    'Cannot accept the options: "binary" requires "qmp" or "domain"',
    `Cannot find a running domain "missing" of libvirt's system daemon`,
  ]);
});

Deno.test("a monitor that is not there fails the task", async () => {
  await using lab = await Lab.open();
  const node = new ControlNode(lab.folder, { a: {} });
  const { results } = await node.tasks({
    [UPDATE]: { qmp: lab.path("missing.qmp"), timeout: "5" },
  });
  const [failure] = results;
  assertEquals(failure?.end, "failed");
  assertStringIncludes(`${failure?.result["msg"]}`, "missing.qmp");
  assertEquals(failure?.result["vm_state"], "unknown");
});

Deno.test("a host without cprctl is told what to do", async () => {
  await using lab = await Lab.open();
  const node = new ControlNode(lab.folder, { a: {} });
  Deno.removeSync(lab.path("bin/cprctl"));
  const { results } = await node.tasks({ [INFO]: {} });
  const [failure] = results;
  assertEquals(failure?.end, "failed");
  assertStringIncludes(`${failure?.result["msg"]}`, "apply the role cprctl");
});

Deno.test("a rescue goes on by the state of the VM", async () => {
  await using lab = await Lab.open();
  const versions = new Versions(lab);
  const host = new Hypervisor(lab, versions, "a");
  await host.look();
  host.installScript(failingScript(versions.new, "exit 3"));
  const node = new ControlNode(lab.folder, { a: host.variables });
  const { code, stdout, results } = await node.tasks({
    block: [{ [UPDATE]: { qmp: host.vm.qmpPath } }],
    rescue: [{
      "ansible.builtin.assert": {
        that: 'ansible_failed_result.vm_state == "running-old"',
      },
    }],
  });
  assertEquals(code, 0, stdout);
  assertEquals(results.map(({ end }) => end), ["failed", "ok"]);
  assertEquals((await host.look()).ino, inode(versions.old));
});

Deno.test("a check that is blocked fails and names the blockers", async () => {
  await using lab = await Lab.open();
  const host = new Hypervisor(lab, new Versions(lab), "a");
  const before = await host.look();
  Deno.removeSync(host.program);
  const node = new ControlNode(lab.folder, { a: host.variables });
  const played = await node.tasks(
    { [INFO]: { qmp: host.vm.qmpPath } },
    { [UPDATE]: { qmp: host.vm.qmpPath }, check_mode: true },
  );
  const [asked, checked] = played.results;
  assertEquals([asked?.end, checked?.end], ["ok", "failed"], played.stdout);
  assertEquals(asked?.result["changed"], false);
  const report = validateReport(checked?.result["report"]);
  const refusals = report.checks.filter(({ verdict }) => verdict === "refuse");
  assert(report.checks.every(({ verdict }) => verdict !== "ok"));
  assert(refusals.length > 0);
  for (const { detail } of refusals) {
    assertStringIncludes(`${checked?.result["msg"]}`, detail);
  }
  assertEquals(
    checked?.result["blockers"],
    refusals.map(({ id, detail, remedy }) => ({ id, detail, remedy })),
  );
  assertEquals(asked?.result["blockers"], checked?.result["blockers"]);
  assertEquals(checked?.result["vm_state"], "running-old");
  assertEquals(await host.look(), before);
});

Deno.test("a real VM is checked, moved, and then up to date", {
  ignore: builds === undefined,
}, async () => {
  assert(builds !== undefined);
  await using lab = await Lab.open();
  const [accelerator] = await accelerators(builds.old);
  assert(accelerator !== undefined);
  await using vm = await VirtualMachine.boot(builds.old, PLAIN, accelerator);
  const witness = await Witness.of(vm);
  const { pid } = vm;
  const node = new ControlNode(lab.folder, {
    a: { cprctl_qmp: [vm.files.qmp], cprctl_binary: builds.new.binary },
  });
  const ends = [];
  for (const words of [["--check", "--diff"], ["--diff"], []]) {
    const played = await node.play("cprctl.qemu.update", ...words);
    assertEquals(played.code, 0, played.stdout);
    for (const { result } of updatesOf(played)) {
      ends.push([result["outcome"], result["changed"], result["vm_state"]]);
    }
    if (words.includes("--check")) {
      assertEquals(vm.executable(), builds.old.binary);
      assertStringIncludes(played.stdout, `+version: ${builds.new.version}`);
      assertStringIncludes(played.stdout, `+binary: ${builds.new.binary}`);
    }
  }
  assertEquals(ends, [
    ["would-update", true, "running-old"],
    ["updated", true, "running-new"],
    ["up-to-date", false, "running-new"],
  ]);
  assertEquals([vm.pid, vm.executable()], [pid, builds.new.binary]);
  await witness.assertLivesOn();
});

Deno.test("the programs are found where the hosts' variables say", async () => {
  await using lab = await Lab.open();
  const elsewhere = lab.path("elsewhere");
  const node = new ControlNode(lab.folder, {
    a: { cprctl_path: elsewhere, cprctl_qmp: [] },
  });
  Deno.renameSync(lab.path("bin/cprctl"), elsewhere);
  const { code, stdout } = await node.play("cprctl.qemu.update");
  assertEquals(code, 0, stdout);
});
