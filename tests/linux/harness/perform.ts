/** Lets a guest act in an update of its VM, and looks at it afterwards. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import type { QemuBuilds } from "../../../testing/qemu/builds/builds.ts";
import { Base } from "../../../testing/program/base.ts";
import { updateHere } from "../../../testing/update/cprctl.ts";
import { runDirectories } from "../../../testing/update/fixture.ts";
import type { Action, Moment } from "./action.ts";
import { LinuxMachine } from "./linux_machine.ts";

const TIMEOUT_MS = 60_000;

/**
 * Boots a guest on the old build and updates its VM to the new one.
 *
 * @throws {AssertionError} when anything is not as it has to be
 */
export async function perform(
  action: Action,
  moment: Moment,
  builds: QemuBuilds,
): Promise<void> {
  await using _base = await Base.make();
  await using vm = await LinuxMachine.boot(builds.old, action.machine);
  await action.before?.(vm);
  const { pid } = vm;
  let acted = false;
  const ending = await updateHere({
    qmp: vm.files.qmp,
    binary: builds.new.binary,
    timeoutMs: TIMEOUT_MS,
  }, async (phase) => {
    // An update that starts over comes by again.
    if (phase !== moment || acted) return;
    acted = true;
    await action.act(vm);
  });
  assert(acted, `The update never came to "${moment}": ${ending.said}`);
  const { report, said } = ending;
  const outcome = report?.outcome ?? "none";
  assert(
    action.outcomes.some((it) => it === outcome),
    `The update ended as "${outcome}": ${said}`,
  );
  if (action.says !== undefined) {
    // What is changed on the command line is told there.
    const changes = (report?.command_changes ?? []).map(({ from }) => from);
    assertMatch([said, ...changes].join("\n"), action.says);
  }
  assertEquals(await runDirectories(pid), []);
  if (action.runState !== undefined) {
    vm.follow(report?.pid_after ?? pid);
    const build = outcome === "updated" ? builds.new : builds.old;
    assertEquals(Deno.readLinkSync(`/proc/${vm.pid}/exe`), build.binary);
    assertEquals(await vm.runState(), action.runState, said);
  }
  await action.after(vm, ending);
}
