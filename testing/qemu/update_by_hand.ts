/**
 * The barest update of a QEMU: what a person types into its monitor.
 *
 * It knows no failure but its deadlines, and stands beside `cprctl update` as
 * the yardstick of what QEMU itself can do.
 *
 * @module
 */

import type { QmpClient } from "../../lib/qmp/mod.ts";
import type { QemuBuild } from "./builds/builds.ts";
import { machineTypeOf, runStateOf } from "./run_state.ts";
import { inTime, until } from "../program/until.ts";
import type { VirtualMachine } from "./virtual_machine.ts";

const TIMEOUT_MS = 30_000;

/** What to do besides. */
export interface ByHand {
  /** Called while the guest is stopped and the CPR state is complete. */
  readonly atSwitchover?: () => void | Promise<void>;
  /** Words that come before the new program, such as a shell's. */
  readonly before?: readonly string[];
}

/** What an update by hand leaves. */
export interface UpdatedByHand {
  /** The device state that the old QEMU saved. */
  readonly stateFile: string;
}

/**
 * Moves a machine onto another build in the same process. Returns when the
 * new QEMU says what the old one said of the guest: running, or paused.
 */
export async function updateByHand(
  vm: VirtualMachine,
  build: QemuBuild,
  { atSwitchover, before: words = [] }: ByHand = {},
): Promise<UpdatedByHand> {
  const stateFile = `${vm.folder}/vm.state`;
  const qmp = await vm.monitor();
  const before = await runStateOf(qmp);
  const type = await machineTypeOf(qmp);
  await qmp.execute("migrate-set-parameters", {
    mode: "cpr-exec",
    "cpr-exec-command": [
      ...words,
      build.binary,
      ...argumentsAfter(vm.argv.slice(1), type),
      "-incoming",
      `file:${stateFile}`,
    ],
  });
  if (atSwitchover === undefined) {
    await qmp.execute("migrate", { uri: `file:${stateFile}` });
  } else {
    await stopAtSwitchover(qmp, stateFile);
    await atSwitchover();
    await qmp.execute("migrate-continue", { state: "pre-switchover" });
  }
  // The exec closes the monitor; "completed" comes before and proves nothing.
  await inTime("QEMU executes the new build", TIMEOUT_MS, qmp.closed);
  await using after = await vm.monitor(TIMEOUT_MS);
  await until(
    `the new QEMU says "${before}"`,
    TIMEOUT_MS,
    async () => await runStateOf(after) === before,
  );
  return { stateFile };
}

/** Arguments for another program, of one exact machine and no daemon. */
export function argumentsAfter(
  args: readonly string[],
  type: string,
): string[] {
  return args.filter((it) => it !== "-daemonize").map((it, at) =>
    args[at - 1] === "-machine" ? it.replace(/^[^,]*/, type) : it
  );
}

async function stopAtSwitchover(
  qmp: QmpClient,
  stateFile: string,
): Promise<void> {
  await qmp.execute("migrate-set-capabilities", {
    capabilities: ["events", "pause-before-switchover"]
      .map((capability) => ({ capability, state: true })),
  });
  using migration = qmp.watch(["MIGRATION"]);
  await qmp.execute("migrate", { uri: `file:${stateFile}` });
  await migration.next((it) => it.data["status"] === "pre-switchover", {
    timeoutMs: TIMEOUT_MS,
  });
}
