/**
 * The barest ways to move a running machine to another process: what a person
 * types, with nothing checked. They stand beside `cprctl update` as the
 * yardstick of what QEMU itself can do.
 *
 * @module
 */

import {
  microsecondsBetween,
  QmpClient,
  type QmpEvent,
} from "../../lib/qmp/mod.ts";
import { asideOf } from "../../lib/update/command/set_aside.ts";
import { channelAt } from "../../lib/update/command/transfer_command.ts";
import { exists } from "../program/exists.ts";
import { MARK } from "../program/reaper.ts";
import { until } from "../program/until.ts";
import type { QemuBuild } from "./builds/builds.ts";
import { machineTypeOf, runStateOf } from "./run_state.ts";
import { saveTo } from "./save_to.ts";
import { argumentsAfter } from "./update_by_hand.ts";
import type { VirtualMachine } from "./virtual_machine.ts";

const PATIENCE = { timeoutMs: 60_000 };
/** Bytes a second. */
const UNLIMITED = 2 ** 40;

/**
 * By cpr-transfer, beside the old process, which is ended afterwards.
 *
 * @returns milliseconds from STOP to RESUME
 */
export async function transferByHand(
  vm: VirtualMachine,
  build: QemuBuild,
): Promise<number> {
  const [cpr, main] = [`${vm.folder}/cpr.sock`, `${vm.folder}/main.sock`];
  await using source = await vm.monitor();
  using stops = source.watch(["STOP"]);
  const type = await machineTypeOf(source);
  const next = startBeside(vm, build, type, channelAt("cpr", cpr));
  await until("the new QEMU waits", PATIENCE.timeoutMs, () => exists(cpr));
  await source.execute("migrate-set-parameters", { mode: "cpr-transfer" });
  await source.execute("migrate", {
    channels: [channelAt("main", main), channelAt("cpr", cpr)],
  });
  const resume = await resumeBeside(vm, `unix:${main}`);
  const stop = await stops.next("STOP", PATIENCE);
  Deno.kill(vm.pid, "SIGKILL");
  await takePlace(vm, next);
  return microsecondsBetween(stop, resume) / 1000;
}

/**
 * Saves the machine with its RAM to a file, and starts it again from there.
 *
 * @returns milliseconds from STOP to RESUME
 */
export async function restoreByHand(
  vm: VirtualMachine,
  build: QemuBuild,
): Promise<number> {
  const path = `${vm.folder}/saved`;
  const { stop, type } = await stopToSave(vm);
  await saveTo(vm, path);
  Deno.kill(vm.pid, "SIGKILL");
  const next = startBeside(vm, build, type);
  const resume = await resumeBeside(vm, `file:${path}`, true);
  await Deno.remove(path);
  await takePlace(vm, next);
  return microsecondsBetween(stop, resume) / 1000;
}

async function stopToSave(
  vm: VirtualMachine,
): Promise<{ stop: QmpEvent; type: string }> {
  await using qmp = await vm.monitor();
  using stops = qmp.watch(["STOP"]);
  await qmp.execute("migrate-set-parameters", { "max-bandwidth": UNLIMITED });
  await qmp.execute("stop");
  const stop = await stops.next("STOP", PATIENCE);
  return { stop, type: await machineTypeOf(qmp) };
}

/** Starts another program that ends with the machine, and waits to load it. */
function startBeside(
  vm: VirtualMachine,
  { binary }: QemuBuild,
  type: string,
  ...channels: readonly unknown[]
): number {
  const { qmp } = vm.files;
  const child = new Deno.Command(binary, {
    args: [
      ...argumentsAfter(vm.argv.slice(1), type)
        .map((it) => it.replace(qmp, asideOf(qmp))),
      ...["-incoming", "defer"],
      ...channels.flatMap((it) => ["-incoming", JSON.stringify(it)]),
    ],
    cwd: vm.folder,
    env: { [MARK]: vm.folder },
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  child.unref();
  return child.pid;
}

/** Has it load the machine; one that is running is resumed by that. */
async function resumeBeside(
  vm: VirtualMachine,
  uri: string,
  isPaused = false,
): Promise<QmpEvent> {
  const address = { path: asideOf(vm.files.qmp) };
  await using qmp = await QmpClient.connectAgain(address, PATIENCE);
  using resumptions = qmp.watch(["RESUME"]);
  await qmp.execute("migrate-incoming", { uri });
  if (isPaused) {
    await until(
      "the new QEMU has the machine",
      PATIENCE.timeoutMs,
      async () => await runStateOf(qmp) === "paused",
    );
    await qmp.execute("cont");
  }
  return await resumptions.next("RESUME", PATIENCE);
}

async function takePlace(vm: VirtualMachine, pid: number): Promise<void> {
  const { qmp } = vm.files;
  await Deno.rename(asideOf(qmp), qmp);
  vm.follow(pid);
}
